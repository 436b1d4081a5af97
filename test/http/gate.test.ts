import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { REFUSAL_DELAY_MS } from '../../src/http/limits.ts'
import { ask, type Asking, formOf, serveNode, uploadOf } from './served-node.ts'

const blob = Buffer.from('a blob')
const ref = refOf(blob)
const secret = 'a-token-that-nobody-can-guess'

const basic = (credentials: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
})
const token = (text: string): Record<string, string> => ({ authorization: `Token ${text}` })

describe('with a password', () => {
  test('nothing is told without it, and everything with it', async () => {
    await using served = await serveNode({ auth: ['userpass:alice:pass:word'] })
    const paths = [
      '/',
      '/api/1/status',
      '/metrics',
      '/bs/camli/enumerate-blobs',
      '/ui/',
      '/debug/config',
    ]
    for (const path of paths) {
      for (const headers of [
        {},
        basic('alice:wrong'),
        basic('bob:pass:word'),
        basic('alice'),
        token('x'),
        { authorization: 'x' },
      ]) {
        const refused = await ask(served.port, path, { headers })
        assert.equal(refused.status, 401, path)
        assert.equal(refused.headers['www-authenticate'], 'Basic realm=""')
        if (path !== '/') break
      }
      const { status } = await ask(served.port, path, { headers: basic('alice:pass:word') })
      assert.equal(status, 200, path)
    }
  })

  test('whoever guesses waits, whoever says nothing does not', async () => {
    await using served = await serveNode({ auth: ['userpass:alice:secret'] })
    await ask(served.port, '/bs/camli/enumerate-blobs')
    assert.deepEqual(served.delays, [])
    await ask(served.port, '/bs/camli/enumerate-blobs', { headers: basic('alice:wrong') })
    await ask(served.port, '/bs/camli/enumerate-blobs', { headers: token('wrong') })
    assert.deepEqual(served.delays, [REFUSAL_DELAY_MS, REFUSAL_DELAY_MS])
  })

  test('being of the same user is not enough any more', async () => {
    await using served = await serveNode({ auth: ['userpass:alice:secret'], isSameUser: true })
    assert.equal((await ask(served.port, '/bs/camli/enumerate-blobs')).status, 401)
  })

  test('the token of discovery has all rights, and is told to those who have them', async () => {
    await using served = await serveNode({
      auth: ['userpass:alice:secret', `token:${secret}:discovery+get`],
    })
    const discover = async (headers: Record<string, string>): Promise<string> => {
      const answer = await ask(served.port, '/?camli.mode=config', { headers })
      return (JSON.parse(answer.body.toString()) as { authToken: string }).authToken
    }
    assert.equal(await discover(token(secret)), '')
    const all = await discover(basic('alice:secret'))
    const upload = uploadOf([[ref, blob]])
    const headers = { ...upload.headers, ...token(all) }
    assert.equal((await ask(served.port, '/bs/camli/upload', { ...upload, headers })).status, 200)
  })
})

test('a token does what its rights say, and nothing else', async () => {
  const asked: Readonly<Record<string, readonly [path: string, asking: Asking]>> = {
    discovery: ['/?camli.mode=config', {}],
    enumerate: ['/bs/camli/enumerate-blobs', {}],
    get: [`/bs/camli/${ref}`, {}],
    remove: ['/bs/camli/remove', formOf({ blob1: ref })],
    sign: ['/sighelper/camli/sig/verify', formOf({ sjson: '{}' })],
    stat: ['/bs/camli/stat', formOf({ camliversion: '1' })],
    upload: ['/bs/camli/upload', uploadOf([[ref, blob]])],
    all: ['/api/1/status', {}],
  }
  const auth = Object.keys(asked).map(right => `token:${secret}-${right}:${right}`)
  await using served = await serveNode({ auth })
  for (const right of Object.keys(asked)) {
    for (const [needed, [path, asking]] of Object.entries(asked)) {
      const headers = { ...asking.headers, ...token(`${secret}-${right}`) }
      const { status } = await ask(served.port, path, { ...asking, headers })
      const isAllowed = right === 'all' || right === needed
      assert.equal(status === 403, !isAllowed, `${right} for ${needed}: ${status}`)
    }
  }
})

describe('without any', () => {
  test('programs of the same user are let in, others and whoever comes through a proxy are not', async () => {
    await using own = await serveNode()
    await using other = await serveNode({ isSameUser: false })
    const path = '/bs/camli/enumerate-blobs'
    assert.equal((await ask(own.port, path)).status, 200)
    assert.equal((await ask(other.port, path)).status, 401)
    for (const name of ['x-forwarded-for', 'forwarded', 'via'])
      assert.equal((await ask(own.port, path, { headers: { [name]: '192.0.2.1' } })).status, 401)
    // How the node is, is no secret on this machine.
    assert.equal((await ask(other.port, '/api/1/status')).status, 200)
  })

  test('`none` lets in whoever reaches the port, under its own name', async () => {
    await using served = await serveNode({ auth: ['none'], isSameUser: false })
    const path = '/bs/camli/enumerate-blobs'
    assert.equal((await ask(served.port, path)).status, 200)
    assert.equal((await ask(served.port, path, { headers: { host: 'evil.example' } })).status, 403)
  })
})

test('a token with the right to sign cannot make itself a device, or an admin', async () => {
  await using served = await serveNode({ auth: [`token:${secret}:sign`] })
  const { device } = served.node
  const sign = async (fields: object): Promise<number> => {
    const json = JSON.stringify({
      camliVersion: 1,
      camliSigner: device.keyRef,
      claimDate: '2026-01-01T00:00:00Z',
      ...fields,
    })
    const form = formOf({ json })
    const headers = { ...form.headers, ...token(secret) }
    return (await ask(served.port, '/sighelper/camli/sig/sign', { ...form, headers })).status
  }
  const claim = { camliType: 'claim', claimType: 'set-attribute', permaNode: ref, value: 'admin' }
  assert.equal(await sign({ ...claim, attribute: 'title' }), 200)
  for (const attribute of ['peerkeepRole', 'peerkeepRevoked', 'peerkeepHolds:x'])
    assert.equal(await sign({ ...claim, attribute }), 403)
  const permanode = { camliType: 'permanode' }
  assert.equal(await sign({ ...permanode, key: 'mine' }), 200)
  assert.equal(await sign({ ...permanode, key: 'peerkeep:device:x' }), 403)
  assert.equal(await sign({ camliType: 'claim', claimType: 'multi', claims: [] }), 403)
  const { publicKey } = generateKeyPairSync('ed25519')
  const foreign = refOf(publicKey.export({ type: 'spki', format: 'der' }))
  assert.equal(await sign({ ...permanode, camliSigner: foreign, key: 'mine' }), 400)
})
