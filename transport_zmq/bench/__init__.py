"""The benchmark of a whole cluster: daemons as users start them, clients in processes of their own."""
