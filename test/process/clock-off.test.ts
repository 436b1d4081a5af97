import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { invite } from './invite.ts'
import { mustRun, run, type RunningNode, up, workDirectory } from './peerkeep-process.ts'

/** Less than the hour from which on libp2p's TLS takes the certificate of who is ahead for not valid yet. */
const offMs = 30 * 60_000

type Status = {
  readonly notSigning: string | null
  readonly peers: readonly { readonly connected: boolean }[]
}

/** Where devices here find each other again. */
function portOf({ listen }: RunningNode): number {
  return Number(/\/tcp\/(\d+)/.exec(listen[0] ?? '')?.[1])
}

type Device = { readonly name: string; readonly keyId: string; readonly revoked: boolean }

async function statusOf(home: string): Promise<Status> {
  return JSON.parse(await mustRun(home, '--json', 'status')) as Status
}

async function untilConnected(home: string, isConnected: boolean): Promise<Status> {
  for (;;) {
    const status = await statusOf(home)
    if (status.peers.some(({ connected }) => connected) === isConnected) return status
  }
}

test('a device whose clock is ahead stores and does not sign, says why, and signs when it is set right', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
  await using laptop = await up(at('laptop'))
  const port = portOf(laptop)
  const { ticket, ended } = await invite(at('laptop'))
  await mustRun(at('nas'), 'join', ticket, '--name', 'nas')
  assert.equal(await ended, 0)
  await mkdir(at('tree'))
  await writeFile(join(at('tree'), 'file'), 'some content')

  await using wrong = await up(at('nas'), 0, offMs)
  const { notSigning } = await untilConnected(at('nas'), true)
  assert.match(notSigning ?? '', /by the clock of this device, but .* by that of laptop/)
  for (const args of [
    ['permanode', '--title', 'a title'],
    ['backup', at('tree')],
    ['put', '--permanode', at('tree')],
  ]) {
    const refused = await run(at('nas'), ...args)
    assert.equal(refused.code, 4, `${args[0]}: ${refused.stderr}`)
    assert.match(refused.stderr, /laptop.*Set the clock.*--force/s)
  }
  await mustRun(at('nas'), 'put', at('tree'))
  const doctor = await run(at('nas'), 'doctor')
  assert.match(doctor.stdout, /^MEND {2}it is .* by that of laptop/m)

  // A line that breaks makes no clock right.
  await laptop.kill()
  await untilConnected(at('nas'), false)
  assert.equal((await run(at('nas'), 'permanode')).code, 4)
  await mustRun(at('nas'), 'permanode', '--force')
  await mustRun(at('nas'), 'backup', at('tree'), '--name', 'forced', '--force')
  assert.equal(await wrong.stop(), 0)

  await using again = await up(at('laptop'), port)
  await using mended = await up(at('nas'))
  assert.equal((await untilConnected(at('nas'), true)).notSigning, null)
  await mustRun(at('nas'), 'backup', at('tree'))
  await mustRun(at('laptop'), 'wait', 'nas:tree', '--copies', '2', '--timeout', '50s')
  assert.equal(await mended.stop(), 0)
  assert.equal(await again.stop(), 0)
})

test('a device that is thrown out by one whose clock is off is out', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
  const before = await up(at('laptop'))
  for (const name of ['nas', 'thief', 'cheat']) {
    const { ticket, ended } = await invite(at('laptop'))
    await mustRun(at(name), 'join', ticket, '--name', name)
    assert.equal(await ended, 0)
  }
  assert.equal(await before.stop(), 0)
  await using nas = await up(at('nas'))
  const devicesOf = async (home: string): Promise<readonly Device[]> =>
    (await mustRun(home, '--json', 'devices')).split('\n').map(line => JSON.parse(line) as Device)
  // By a clock that is behind no name was given yet.
  const keyIds = new Map((await devicesOf(at('laptop'))).map(({ name, keyId }) => [name, keyId]))
  for (const [name, aheadMs] of [
    ['thief', offMs],
    ['cheat', -offMs],
  ] as const) {
    await using laptop = await up(at('laptop'), portOf(before), aheadMs)
    assert.notEqual((await untilConnected(at('laptop'), true)).notSigning, null)
    const keyId = keyIds.get(name) ?? ''
    await mustRun(at('laptop'), 'revoke', keyId, '--yes')
    while (!(await devicesOf(at('nas'))).some(device => device.keyId === keyId && device.revoked))
      assert.equal(nas.process.exitCode, null)
    assert.equal(await laptop.stop(), 0)
  }
})

test('devices whose clocks are days apart pair, meet and get everything', async () => {
  const days = 3 * 24 * 3_600_000
  for (const aheadMs of [days, -days]) {
    await using work = await workDirectory()
    const at = (name: string): string => join(work.path, name)
    await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
    await mkdir(at('tree'))
    await writeFile(join(at('tree'), 'file'), 'some content')
    const ref = (await mustRun(at('laptop'), 'put', join(at('tree'), 'file'))).trim()
    // By a clock that is behind a ticket would be over before it is read.
    const pairing = await up(at('laptop'), 0, Math.max(0, aheadMs))
    const { ticket, ended } = await invite(at('laptop'))
    await mustRun(at('nas'), 'join', ticket, '--name', 'nas')
    assert.equal(await ended, 0)
    assert.equal(await pairing.stop(), 0)
    await using laptop = await up(at('laptop'), portOf(pairing), aheadMs)
    await using nas = await up(at('nas'))
    assert.match((await untilConnected(at('nas'), true)).notSigning ?? '', /by that of/)
    while ((await run(at('nas'), 'cat', ref)).stdout !== 'some content')
      assert.equal(nas.process.exitCode, null)
    assert.equal(await nas.stop(), 0)
    assert.equal(await laptop.stop(), 0)
  }
})
