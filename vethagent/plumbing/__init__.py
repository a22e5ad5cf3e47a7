"""What has to be done on a host: naming, loops and plan decide; observed holds; rtnl, ovs and apply do."""
