"""paramiko lists the keys of an agent and signs with them. It cannot add any: the test did."""

import paramiko
from agent import DATA, KEYS, does_not_verify, verify

agent = paramiko.Agent()
held = {key.comment: key for key in agent.get_keys()}
files = {file.rsplit("/", 1)[1]: file for file in KEYS}
assert set(held) == set(files), (set(held), set(files))
for name, file in files.items():
    key = held[name]
    rsa = key.get_name() == "ssh-rsa"
    for algorithm in ("rsa-sha2-256", "rsa-sha2-512") if rsa else (None,):
        signature = key.sign_ssh_data(DATA, algorithm)
        signed = verify(file, DATA, signature)
        assert signed.decode() == (algorithm or key.get_name())
        assert does_not_verify(file, DATA + b".", signature)
        # paramiko's own opinion.
        message = paramiko.Message(signature)
        assert key.inner_key.verify_ssh_sig(DATA, message)
stranger = paramiko.agent.AgentKey(agent, paramiko.ECDSAKey.generate().asbytes())
try:
    stranger.sign_ssh_data(DATA)
except paramiko.SSHException:
    pass
else:
    raise AssertionError("a key that is not there signed")
agent.close()
