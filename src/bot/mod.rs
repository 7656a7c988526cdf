//! What runs beside the core: inbox, worker, outbox, reconcile.
