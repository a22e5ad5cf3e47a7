"""The commands by name, each as ``module:class``; a module is imported when its command is run.

The OpenStack client finds the same classes as ``openstack bridge …`` by the entry points of the package. ``vethctl``
reads this table instead, because looking for entry points means reading those of every installed package.
"""

COMMANDS = {
    "agent delete": "vethagent.cli.agents:DeleteAgent",
    "agent history": "vethagent.cli.agents:AgentHistory",
    "agent list": "vethagent.cli.agents:ListAgents",
    "agent set": "vethagent.cli.agents:SetAgent",
    "agent show": "vethagent.cli.agents:ShowAgent",
    "event list": "vethagent.cli.events:ListEvents",
    "host drift": "vethagent.cli.hosts:DriftHost",
    "host plan": "vethagent.cli.hosts:PlanHost",
    "host show": "vethagent.cli.hosts:ShowHost",
    "link create": "vethagent.cli.link_changes:CreateLink",
    "link delete": "vethagent.cli.link_delete:DeleteLink",
    "link diagnose": "vethagent.cli.link_insight:DiagnoseLink",
    "link history": "vethagent.cli.link_insight:LinkHistory",
    "link list": "vethagent.cli.links:ListLinks",
    "link set": "vethagent.cli.link_changes:SetLink",
    "link show": "vethagent.cli.links:ShowLink",
    "rollout history": "vethagent.cli.rollouts:History",
    "rollout list": "vethagent.cli.rollouts:ListRollouts",
    "rollout pause": "vethagent.cli.rollouts:Pause",
    "rollout resume": "vethagent.cli.rollouts:Resume",
    "rollout status": "vethagent.cli.rollouts:Status",
    "rollout undo": "vethagent.cli.rollouts:Undo",
    "template create": "vethagent.cli.template_changes:CreateTemplate",
    "template delete": "vethagent.cli.templates:DeleteTemplate",
    "template hosts": "vethagent.cli.templates:ListHosts",
    "template list": "vethagent.cli.templates:ListTemplates",
    "template revisions": "vethagent.cli.templates:ListRevisions",
    "template set": "vethagent.cli.template_changes:SetTemplate",
    "template show": "vethagent.cli.templates:ShowTemplate",
}

#: About ``vethctl`` itself; the OpenStack client has its own.
OWN_COMMANDS = {
    "complete": "vethagent.cli.help:Complete",
    "help": "vethagent.cli.help:Help",
}
