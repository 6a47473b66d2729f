"""How a bot's log is read whole. Pure: no CDK, no HTTP, no clock of its own, no lock, no thread. -> bot_log.py"""
