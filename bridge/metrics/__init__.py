"""How the service is, for machines: metrics as Prometheus reads them, and whether it is alive and ready."""
