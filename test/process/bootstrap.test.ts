import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { invite } from './invite.ts'
import { mustRun, up, workDirectory } from './peerkeep-process.ts'

const program = join(import.meta.dirname, '..', '..', 'bootstrap', 'main.ts')

interface Bootstrap extends AsyncDisposable {
  readonly address: string
}

function startProgram(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function startBootstrap(key: string): Promise<Bootstrap> {
  const child = startProgram(['--listen', '/ip4/127.0.0.1/tcp/0', '--key', key])
  const closed = once(child, 'close')
  let text = ''
  child.stdout?.setEncoding('utf8')
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: string) => {
      text += chunk
      if (/^ready$/m.test(text)) resolve()
    })
    child.once('close', code => reject(new Error(`ended with ${code}: ${text}`)))
  })
  return {
    address: /^address: (\S+)$/m.exec(text)?.[1] ?? '',
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      const [code] = (await closed) as [number | null]
      assert.equal(code, 0)
    },
  }
}

test('devices that both moved find each other through a bootstrap node', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  await mkdir(at('photos'))
  await writeFile(at('photos/one.txt'), 'a picture of words')
  await using bootstrap = await startBootstrap(at('bootstrap.key'))
  await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
  await mustRun(at('laptop'), 'config', 'set', 'bootstrap', bootstrap.address)
  const before = await up(at('laptop'))
  const { ticket, ended } = await invite(at('laptop'))
  await mustRun(at('nas'), 'join', ticket, '--name', 'nas')
  assert.equal(await ended, 0)
  await mustRun(at('nas'), 'config', 'set', 'bootstrap', bootstrap.address)
  // The laptop comes back on another port, which nobody has told the NAS; and it never knew the NAS's.
  assert.equal(await before.stop(), 0)
  await using _laptop = await up(at('laptop'))
  await using _nas = await up(at('nas'))
  await mustRun(at('laptop'), 'backup', at('photos'))
  await mustRun(at('laptop'), 'wait', 'photos', '--copies', '2', '--timeout', '60s')
})

test('a bootstrap node keeps its key to itself and its address over a restart', async () => {
  await using work = await workDirectory()
  const key = join(work.path, 'bootstrap.key')
  const peerIdOf = ({ address }: Bootstrap): string => address.slice(address.lastIndexOf('/') + 1)
  const first = await startBootstrap(key)
  const peerId = peerIdOf(first)
  await first[Symbol.asyncDispose]()
  assert.equal((await stat(key)).mode & 0o777, 0o600)
  await using second = await startBootstrap(key)
  assert.equal(peerIdOf(second), peerId)
  assert.match(second.address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo/)
})

test('a wrong option, a broken key and a taken address are one sentence each', async () => {
  await using work = await workDirectory()
  const broken = join(work.path, 'broken.key')
  await writeFile(broken, 'no key')
  for (const [args, code, message] of [
    [['--lisen', '/ip4/127.0.0.1/tcp/0'], 2, /usage: npm run bootstrap/],
    [['--key', broken], 1, /holds no key: 64 hexadecimal digits\n$/],
    [['--listen', '/ip4/192.0.2.1/tcp/1', '--key', join(work.path, 'k')], 1, /cannot listen on/],
  ] as const) {
    const child = startProgram(args)
    let text = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const [ended] = (await once(child, 'close')) as [number | null]
    assert.equal(ended, code)
    assert.match(text, message)
  }
})
