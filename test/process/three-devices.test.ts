import assert from 'node:assert/strict'
import { open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'

import { openSimRandom } from '../sim/sim-random.ts'
import { describeTree, differences } from '../trees/compare-trees.ts'
import { makeHardTree } from '../trees/hard-tree.ts'
import { makePhotoTree } from '../trees/photo-tree.ts'
import { type Devices, openDevices } from './devices.ts'
import { invite } from './invite.ts'
import { mustRun, run, workDirectory } from './peerkeep-process.ts'

const isSlow = process.env['SLOW'] === '1'

/** Asks again until the answer is this; a command's own time-out ends a test that waits in vain. */
async function untilAnswer(ask: () => Promise<string>, expected: string): Promise<void> {
  const { signal } = new AbortController()
  for (let answer = await ask(), left = 150; answer !== expected; answer = await ask(), left -= 1) {
    assert.ok(left > 0, `still ${answer}, not ${expected}`)
    await later(100, undefined, { signal })
  }
}

test('three devices: each is destroyed in turn, and everything is there', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  makeHardTree(at('hard'), { sparseBytes: 1024 ** 2, crowd: 200 })
  await using devices = await openDevices(work.path, ['laptop', 'nas'])
  await devices.at('laptop', 'backup', at('hard'))
  await devices.at('laptop', 'wait', 'hard', '--copies', '2')
  // The third one joins while the laptop is away, and gets everything from the NAS.
  const { ticket, ended } = await invite(devices.home('laptop'))
  await mustRun(devices.home('pc'), 'join', ticket, '--name', 'pc')
  await ended
  await devices.start('pc')
  await devices.at('laptop', 'wait', 'hard', '--copies', '3')
  const names = ['laptop', 'nas', 'pc'] as const
  await untilAnswer(async () => {
    const lines = (await devices.at('nas', '--json', 'devices')).split('\n')
    const all = lines.map(line => JSON.parse(line) as { holds: { newer: number }[] })
    return all.map(({ holds }) => holds.map(({ newer }) => newer).join()).join(' ')
  }, '0 0 0')
  for (const gone of names) {
    const [left = 'nas'] = names.filter(name => name !== gone)
    const back = at(`back without ${gone}`)
    await devices.at(left, 'restore', 'laptop:hard', '-o', back)
    assert.deepEqual(differences(describeTree(at('hard')), describeTree(back)), [])
  }
  await devices.node('laptop').kill()
  await rm(devices.home('laptop'), { recursive: true })
  await devices.node('nas').kill()
  await rm(devices.home('nas'), { recursive: true })
  await devices.at('pc', 'restore', 'laptop:hard', '-o', at('last'))
  assert.deepEqual(differences(describeTree(at('hard')), describeTree(at('last'))), [])
  await devices.at('pc', 'check', '--read-data')
})

test('both change things while they are apart, meet, and answer the same', async () => {
  await using work = await workDirectory()
  await using devices = await openDevices(work.path, ['laptop', 'nas'])
  const album = await devices.at('laptop', 'permanode', '--title', 'Summer')
  await untilAnswer(
    async () => ((await run(devices.home('nas'), 'describe', album)).code === 0 ? 'known' : ''),
    'known',
  )
  await devices.node('nas').stop()
  await writeFile(join(work.path, 'note'), 'from the laptop')
  await devices.at(
    'laptop',
    'backup',
    work.path,
    '--name',
    'notes',
    '--exclude',
    '/laptop',
    '--exclude',
    '/nas',
  )
  await devices.at('laptop', 'attr', album, 'title', 'Winter')
  await devices.node('laptop').stop()
  await devices.at('nas', 'attr', '--add', album, 'tag', 'apart')
  const second = await devices.at('nas', 'permanode', '--title', 'second')
  await devices.at('nas', 'delete', second)
  await devices.start('laptop')
  await devices.start('nas')
  await devices.at('laptop', 'wait', 'notes', '--copies', '2')
  for (const question of [['describe', album], ['describe', second], ['snapshots']])
    await untilAnswer(() => devices.at('laptop', ...question), await devices.at('nas', ...question))
  assert.match(await devices.at('nas', 'describe', album), /Winter[^]*apart/)
})

/** Changes 20 blobs on the disk of a device, and removes one of its packs. */
async function ruin(devices: Devices, name: string): Promise<void> {
  const random = openSimRandom(11)
  const data = join(devices.home(name), 'blobs', 'data')
  const packs = (await readdir(data)).filter(entry => entry.endsWith('.blobs'))
  const path = join(data, packs[0] ?? '')
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  for (let at = 0; at < 20; at += 1) await file.write('rot', random.below(size - 3))
  await file.close()
  const meta = join(devices.home(name), 'blobs', 'meta')
  const [pack = ''] = (await readdir(meta)).filter(entry => entry.endsWith('.blobs'))
  await rm(join(meta, pack))
}

test('20 blobs that rot and a pack that is gone are healed from the other device', async () => {
  await using work = await workDirectory()
  const source = join(work.path, 'photos')
  makePhotoTree(source, { mib: 24, small: 200 })
  await using devices = await openDevices(work.path, ['laptop', 'nas'])
  await devices.at('laptop', 'backup', source)
  await devices.at('laptop', 'wait', 'photos', '--copies', '2')
  await devices.node('nas').stop()
  await ruin(devices, 'nas')
  await devices.start('nas')
  const found = await run(devices.home('nas'), 'check', '--read-data')
  assert.equal(found.code, 3, found.stdout)
  await untilAnswer(async () => {
    const { code } = await run(devices.home('nas'), 'check', '--read-data', '--repair')
    return String(code)
  }, '0')
  await devices.node('laptop').kill()
  const back = join(work.path, 'back')
  await devices.at('nas', 'restore', 'laptop:photos', '-o', back)
  assert.deepEqual(differences(describeTree(source), describeTree(back)), [])
})

test('a stolen laptop is thrown out: it is cut off, and what it signs counts nowhere', async () => {
  await using work = await workDirectory()
  await using devices = await openDevices(work.path, ['pc', 'laptop', 'nas'])
  const album = await devices.at('laptop', 'permanode', '--title', 'mine')
  const titleAt = async (name: string): Promise<string> => {
    const { stdout } = await run(devices.home(name), 'describe', album)
    return /title: (\S+)/.exec(stdout)?.[1] ?? ''
  }
  await untilAnswer(() => titleAt('nas'), 'mine')
  await untilAnswer(() => titleAt('pc'), 'mine')
  await devices.at('pc', 'revoke', 'laptop', '--yes')
  const stateOf = async (name: string, of: string): Promise<string> => {
    const lines = (await devices.at(name, '--json', 'devices')).split('\n')
    const found = lines.map(
      line => JSON.parse(line) as { name: string; connected: boolean; revoked: boolean },
    )
    const { connected, revoked } = found.find(device => device.name === of) ?? {}
    return `${connected === true ? 'connected' : 'away'} ${revoked === true ? 'revoked' : ''}`
  }
  await untilAnswer(() => stateOf('pc', 'laptop'), 'away revoked')
  await untilAnswer(() => stateOf('nas', 'laptop'), 'away revoked')
  // It does not know, and goes on.
  await devices.at('laptop', 'attr', album, 'title', 'stolen')
  await devices.at('nas', 'attr', '--add', album, 'tag', 'later')
  await untilAnswer(
    async () => (/later/.test(await devices.at('pc', 'describe', album)) ? 'yes' : ''),
    'yes',
  )
  assert.equal(await titleAt('pc'), 'mine')
  assert.equal(await titleAt('nas'), 'mine')
  // The two that remain share another secret now, and still find their sets equal.
  const secretOf = async (name: string): Promise<string> =>
    (await open(join(devices.home(name), 'keys', 'group'))).readFile('utf8')
  await untilAnswer(() => secretOf('nas'), await secretOf('pc'))
  assert.notEqual(await secretOf('nas'), await secretOf('laptop'))
})

test('a device without room above its reserve takes claims only, and says so', async () => {
  await using work = await workDirectory()
  const source = join(work.path, 'photos')
  makePhotoTree(source, { mib: 4, small: 20 })
  await using devices = await openDevices(work.path, ['laptop', 'nas'])
  await devices.node('nas').stop()
  await devices.at('nas', 'config', 'set', 'reserve', '100%')
  await devices.start('nas')
  await devices.at('laptop', 'backup', source)
  await untilAnswer(async () => {
    const status = JSON.parse(await devices.at('nas', '--json', 'status')) as {
      peers: { paused: string | null }[]
    }
    return status.peers.map(({ paused }) => paused).join()
  }, 'the disk is full up to its reserve')
  assert.match(await devices.at('nas', 'status'), /reserve/)
  await devices.node('nas').stop()
  await devices.at('nas', 'config', 'set', 'reserve', '1MB')
  await devices.start('nas')
  await devices.at('laptop', 'wait', 'photos', '--copies', '2')
})

test('killed at random moments of a sync, both end with everything', async context => {
  await using work = await workDirectory()
  const source = join(work.path, 'photos')
  makePhotoTree(source, { mib: 48, small: 800 })
  await using devices = await openDevices(work.path, ['laptop', 'nas'])
  await devices.at('laptop', 'backup', source)
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  context.diagnostic(`seed ${seed}`)
  const random = openSimRandom(seed)
  for (let at = 0; at < (isSlow ? 100 : 6); at += 1) {
    const name = random.pick(['laptop', 'nas'])
    // The moment is the point of the test.
    await later(random.below(1200))
    await devices.node(name).kill()
    await devices.start(name)
  }
  await devices.at('laptop', 'wait', 'photos', '--copies', '2')
  for (const name of ['laptop', 'nas']) await devices.at(name, 'check', '--read-data')
  const refs = async (name: string): Promise<string> => devices.at(name, 'blobs')
  await untilAnswer(() => refs('laptop'), await refs('nas'))
})
