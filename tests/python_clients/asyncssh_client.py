"""asyncssh fills an agent, signs with it, restricts keys, locks and empties it."""

import asyncio

import asyncssh
from agent import DATA, KEYS, SOCKET, does_not_verify, verify


async def refused(what):
    try:
        await what
    except ValueError as error:
        return str(error)
    raise AssertionError("it was not refused")


async def until_empty(client):
    while await client.get_keys():
        await asyncio.sleep(0.05)


async def signs_with_every_key(client):
    for file in KEYS:
        await client.add_keys([file])
        # With a certificate next to it, asyncssh adds both.
        held = await client.get_keys()
        assert held[0].get_comment() == file.rsplit("/", 1)[1], held[0].get_comment()
        for number, key in enumerate(held):
            # A certificate signs as the key it is of.
            plain = key.algorithm.removesuffix(b"-cert-v01@openssh.com")
            rsa = plain == b"ssh-rsa"
            for algorithm in (b"rsa-sha2-256", b"rsa-sha2-512") if rsa else (plain,):
                # asyncssh adds up the flags of all algorithms that were ever set.
                key = (await client.get_keys())[number]
                key.set_sig_algorithm(algorithm)
                signature = await key.sign_async(DATA)
                signed = verify(file, DATA, signature)
                assert signed == algorithm, (file, number, signed, algorithm)
                assert does_not_verify(file, DATA + b".", signature)
        await client.remove_keys(held)
        assert await client.get_keys() == []
        assert "Unable to sign" in await refused(held[0].sign_async(DATA))
        assert "not found" in (await refused(client.remove_keys(held[:1]))).lower()


async def certificates_are_listed_as_such(client):
    certified = [file for file in KEYS if asyncssh.load_keypairs([file])[0].has_cert]
    assert certified, "no key of the test has a certificate"
    await client.add_keys([certified[0]])
    kinds = sorted(key.has_cert for key in await client.get_keys())
    assert kinds == [False, True], kinds
    await client.remove_all()


async def lifetimes_end(client):
    await client.add_keys(KEYS[:1], lifetime=1)
    assert await client.get_keys()
    await asyncio.wait_for(until_empty(client), 30)
    await client.add_keys(KEYS[:1], lifetime=3600)
    (key, *_) = await client.get_keys()
    verify(KEYS[0], DATA, await key.sign_async(DATA))
    await client.remove_all()


async def nobody_confirms(client):
    # The agent was started without anybody to ask.
    await client.add_keys(KEYS[:1], confirm=True)
    (key, *_) = await client.get_keys()
    assert "Unable to sign" in await refused(key.sign_async(DATA))
    # Adding it again without the constraint lifts it.
    await client.add_keys(KEYS[:1])
    verify(KEYS[0], DATA, await key.sign_async(DATA))
    await client.remove_all()


async def locked(client):
    await client.add_keys(KEYS[:1])
    (key, *_) = await client.get_keys()
    await client.lock("correct horse")
    assert await client.get_keys() == []
    await refused(key.sign_async(DATA))
    await refused(client.add_keys(KEYS[1:2]))
    await refused(client.lock("again"))
    await refused(client.unlock("wrong"))
    assert await client.get_keys() == []
    await client.unlock("correct horse")
    verify(KEYS[0], DATA, await key.sign_async(DATA))
    await refused(client.unlock("correct horse"))
    await client.remove_all()


async def several_at_once(client):
    await client.add_keys(KEYS)
    keys = await client.get_keys()
    async with asyncssh.connect_agent(SOCKET) as other:
        assert len(await other.get_keys()) == len(await client.get_keys())
        signing = [key.sign_async(DATA) for key in keys if b"rsa" not in key.algorithm]
        assert len(signing) >= 4
        await asyncio.gather(*signing)
        await other.remove_all()
    assert await client.get_keys() == []


async def main():
    async with asyncssh.connect_agent(SOCKET) as client:
        assert await client.get_keys() == []
        await signs_with_every_key(client)
        await certificates_are_listed_as_such(client)
        await lifetimes_end(client)
        await nobody_confirms(client)
        await locked(client)
        await several_at_once(client)


asyncio.run(main())
