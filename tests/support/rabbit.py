"""A RabbitMQ broker of its own: all its files in one folder, all its ports in one namespace."""

import pathlib

from tests.support import certificates, commands, daemons, namespaces

# What the package has in PATH is a wrapper that changes to the user and the folders of the machine's own broker.
_PROGRAMS = "/usr/lib/rabbitmq/bin"
USER = "vethagent"
#: Found nowhere but in the configuration files of those who use the broker.
PASSWORD = "for-nobody-else"
PORT, _TLS_PORT = 5672, 5671
_READY = "Server startup complete"

_CONFIGURATION = """\
listeners.tcp.1 = 0.0.0.0:{port}
listeners.ssl.1 = 0.0.0.0:{tls_port}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_none
default_user = {user}
default_pass = {password}
loopback_users = none
disk_free_limit.absolute = 10MB
log.file = {log}
log.file.level = info
log.console = false
"""


class RabbitMQ:
    """A broker that is reached at ``address`` from everywhere that has a way to it, with TLS or without."""

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path, *, address: str) -> None:
        self.url = f"rabbit://{USER}:{PASSWORD}@{address}:{PORT}/"
        self.tls_url = f"rabbit://{USER}:{PASSWORD}@{address}:{_TLS_PORT}/"
        #: Its certificate is its own authority.
        self.certificate, key = certificates.make(folder, address=address)
        self._log = folder / "broker.log"
        configuration = folder / "rabbitmq.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                port=PORT,
                tls_port=_TLS_PORT,
                certificate=self.certificate,
                key=key,
                user=USER,
                password=PASSWORD,
                log=self._log,
            ),
            encoding="utf-8",
        )
        # The machine's own rabbitmq-env.conf would win over the environment.
        environment = folder / "rabbitmq-env.conf"
        environment.touch()
        self._namespace = namespace
        self._env = {
            "HOME": str(folder),
            "RABBITMQ_CONF_ENV_FILE": str(environment),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            # The name of this machine need not be resolvable, localhost is.
            "RABBITMQ_NODENAME": "vethagent@localhost",
        }
        self.daemon = daemons.Daemon(
            [f"{_PROGRAMS}/rabbitmq-server"],
            name="rabbitmq-server",
            namespace=namespace,
            log=folder / "rabbitmq-server.out",
            env=self._env,
        )

    def start(self) -> None:
        """Start the broker and wait until it takes connections."""
        self._log.unlink(missing_ok=True)
        self.daemon.start()
        commands.wait_until(self._is_ready, what="the start of RabbitMQ", timeout=60, interval=0.1)

    def stop(self) -> None:
        """Shut the broker down; what is durable comes back at the next start."""
        self.daemon.stop()

    def kill(self) -> None:
        """End the broker as a power failure would."""
        self.daemon.kill()

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl, which takes a second of processor time, and return what it printed."""
        command = self._namespace.command(f"{_PROGRAMS}/rabbitmqctl", "--quiet", *arguments)
        return commands.run(*command, env=self._env, timeout=120).stdout

    def _is_ready(self) -> bool:
        assert self.daemon.running, f"RabbitMQ ended with {self.daemon.process.returncode}:\n{self.daemon.tail()}"
        return self._log.exists() and _READY in self._log.read_text(errors="replace")
