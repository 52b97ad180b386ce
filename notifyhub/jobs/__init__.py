"""Background work by Celery: tasks, queues, brokers, the worker, and the dispatcher of due rows."""
