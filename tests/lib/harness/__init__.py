"""The end-to-end harness: a private world of network namespaces, a gateway under test, openconnect as its client.

sandbox   the tests' own mount, network and process namespaces; nothing outside them is touched
netns     one network namespace; the topology that all suites share
certs     keys and self-signed certificates
gateway   the gateway under test: configuration, users, start, stop, log, events
client    openconnect in a namespace: start, signals, log, what its script was told
traffic   pings that count, transfers with checksums
proc      what /proc tells about processes
raw       a client whose every byte is the test's own
capture   tcpdump, and its file as connections and datagrams
decrypter captured records opened under the clients' secrets; the books of keys and nonces
recording both over a test
tracer    stops a process at a message that it sends (ptrace)
hostile   the stage on which hostile input is tried beside honest sessions
wait      until(): every wait is for a condition and has a deadline
"""
