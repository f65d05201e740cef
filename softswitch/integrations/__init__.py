"""Programs outside: web services, webhooks, CRMs, text messages, mails."""
