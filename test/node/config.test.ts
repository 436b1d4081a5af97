import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { defaultConfig, loadConfig, setConfig } from '../../src/node/config.ts'

let directory = ''
let path = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'peerkeep-config-'))
  path = join(directory, 'config.toml')
})
afterEach(() => rm(directory, { recursive: true }))

test('no file is the default', async () => {
  assert.deepEqual(await loadConfig(nodeFiles, path), defaultConfig)
})

test('what is set is there, and the rest stays', async () => {
  await setConfig(nodeFiles, path, { key: 'name', value: 'nas' })
  await setConfig(nodeFiles, path, { key: 'listen', value: '/ip4/0.0.0.0/tcp/1, /ip6/::/tcp/2' })
  const config = await loadConfig(nodeFiles, path)
  const listen = ['/ip4/0.0.0.0/tcp/1', '/ip6/::/tcp/2']
  assert.deepEqual(config, { ...defaultConfig, name: 'nas', listen })
})

for (const [content, message] of [
  ['name = "a\nb"', /config\.toml, line 1/],
  [
    'nam = "x"',
    /no setting nam; known are auth, bootstrap, claims, http, httpsCert, httpsKey, listen, local, name, reserve, scrub, store/,
  ],
  ['http = "3179"', /http must be HOST:PORT/],
  ['http = "127.0.0.1:99999"', /http must be HOST:PORT/],
  ['listen = ["tcp://1"]', /listen must be addresses such as/],
  ['listen = 4', /listen must be/],
  ['store = "relative"', /absolute path/],
  ['\u0000', /config\.toml/],
] as const) {
  test(`${JSON.stringify(content)} is refused with what to do`, async () => {
    await writeFile(path, content)
    await assert.rejects(loadConfig(nodeFiles, path), { code: 'BAD_CONFIG', message })
    await assert.rejects(setConfig(nodeFiles, path, { key: 'name', value: 'x' }), {
      code: 'BAD_CONFIG',
    })
  })
}

test('any bytes are a config or one clear error', async () => {
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string().map(text => Buffer.from(text)),
  )
  await fc.assert(
    fc.asyncProperty(contents, async content => {
      await writeFile(path, content)
      await loadConfig(nodeFiles, path).catch((error: unknown) => {
        assert.ok(isPeerkeepError(error, 'BAD_CONFIG'), String(error))
      })
    }),
    { numRuns: 2000 },
  )
})
