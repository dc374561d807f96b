"""The event stream: what happens, sent to clients that hold a connection open (server-sent events).

feed.py      follows the topics for all streams of this process, and keeps the latest events
reader.py    one client's place in it: first what it has missed, from the topics, then the feed
erased.py    leaves out what is about erased people
recorded.py  whether the ledger has recorded an event
response.py  an answer that goes on until the client, the key or the role ends
"""
