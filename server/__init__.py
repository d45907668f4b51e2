"""The front desk: HTTP, websocket, the job store and the supervisor of workers. No torch, no packs."""
