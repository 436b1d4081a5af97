import assert from 'node:assert/strict'

import type { Clock } from '../../src/base/clock.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { retireDevice, revokeDevice } from '../../src/node/revoke.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import { type Verify, verifySignedNow } from '../../src/schema/signed-blob.ts'
import type { KeyId, Signer } from '../../src/schema/signer.ts'
import {
  BACKUP_ATTRIBUTE,
  BACKUP_DEVICE_ATTRIBUTE,
  backupPermanodeKey,
  CONTENT_ATTRIBUTE,
} from '../../src/schema/well-known.ts'
import { openSimClock, type SimClock } from '../sim/sim-clock.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom, type SimRandom } from '../sim/sim-random.ts'
import { copyDisk } from './copy-disk.ts'
import { type Line, openLine } from './line.ts'
import { openSimNode, seedNamed, type SimNode } from './sim-node.ts'

/** A device of a world: its disk, and the node that runs on it, if one does. */
export interface SimDevice {
  readonly name: string
  readonly key: KeyId
  files: SimFiles
  node: SimNode | undefined
  /** Milliseconds by which its clock is ahead. */
  skew: number
  isRevoked: boolean
  /** What it has signed and was told to be kept, since its disk was last made older. */
  readonly acknowledged: Set<BlobRef>
  /** An older state of its disk. */
  backup: SimFiles | undefined
}

const TITLES = ['Summer', 'Winter', 'x', ''] as const
const DAY_MS = 86_400_000
const RECONNECT_MS = 2000

/** Several devices of one owner, on one virtual time, with everything by chance that happens to devices. */
export interface World {
  readonly devices: readonly SimDevice[]
  readonly clock: SimClock
  /** Does something by chance, and lets time pass. */
  step(): Promise<void>
  /** Ends all faults: right clocks, all nodes up, all lines whole; then lets time pass until nothing changes. */
  heal(): Promise<void>
  /** Has every device change something. */
  actAll(): Promise<void>
  close(): Promise<void>
}

interface Parts {
  readonly random: SimRandom
  readonly clock: SimClock
  readonly owner: Signer
  readonly groupSecret: Uint8Array
  readonly verify: Verify
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function openWorld(seed: number): Promise<World> {
  const random = openSimRandom(seed)
  const clock = openSimClock()
  const owner = bulkSigner(seedNamed(`owner ${seed}`))
  const parts: Parts = {
    random,
    clock,
    owner,
    groupSecret: random.bytes(32),
    verify: rememberingVerify(),
  }
  const devices: SimDevice[] = []
  const lines = new Set<Line>()
  const parted = new Set<string>()
  /** Permanodes that somebody made. */
  const permanodes: BlobRef[] = []
  let isHealed = false

  function clockOf(device: SimDevice): Clock {
    return { ...clock, now: () => clock.now() + device.skew }
  }

  async function start(device: SimDevice): Promise<void> {
    const { files } = device
    device.node = await openSimNode({
      ...parts,
      name: device.name,
      seed: seedOf(device.name),
      owner: owner.keyId,
      files,
      clock: clockOf(device),
    })
  }

  /** A copy of a home has the key of its original: what stands behind the tick is its own. */
  const seedOf = (name: string): Uint8Array => seedNamed(`${seed} ${name.split("'")[0]}`)

  async function addDevice(name: string, files?: SimFiles): Promise<SimDevice> {
    const device: SimDevice = {
      name,
      key: bulkSigner(seedOf(name)).keyId,
      files: files ?? openSimFiles(),
      node: undefined,
      skew: 0,
      isRevoked: false,
      acknowledged: new Set(),
      backup: undefined,
    }
    devices.push(device)
    await start(device)
    return device
  }

  /** As pairing leaves it: each knows itself and who let it in, and mostly all the others. */
  async function certify(): Promise<void> {
    const count = 3 + random.below(4)
    let date = BigInt(clock.now()) * 1_000_000n
    const certificates: Uint8Array[][] = []
    for (let i = 0; i < count; i += 1) {
      const signer = bulkSigner(seedOf(`n${i}`))
      const role = i === 0 || random.chance(0.3) ? 'admin' : 'device'
      const certificate = { device: signer, name: `n${i}`, role } as const
      certificates.push([
        signer.keyBlob,
        ...makeCertificate(certificate, owner, () => (date += 1n)),
      ])
    }
    for (let i = 0; i < count; i += 1) {
      const { node } = await addDevice(`n${i}`)
      const knowsAll = i === 0 || random.chance(0.7)
      const known = certificates.filter((_, at) => knowsAll || at === 0 || at === i)
      for (const bytes of [owner.keyBlob, ...known.flat()]) await node?.door.receive(bytes)
      await node?.index.catchUp()
    }
  }

  /** Connects all that can be connected and are not. */
  function connect(): void {
    for (const line of lines) if (line.isOver()) lines.delete(line)
    for (const [i, a] of devices.entries()) {
      for (const b of devices.slice(i + 1)) {
        const pair = `${a.name} ${b.name}`
        const [near, far] = [a.node, b.node]
        if (!near || !far || parted.has(pair)) continue
        if (!near.isMember(b.key) || !far.isMember(a.key)) continue
        if ([...lines].some(line => line.pair === pair)) continue
        const delayMax = isHealed ? 20 : 1 + random.below(500)
        const damage = isHealed || random.chance(0.7) ? 0 : 0.02
        lines.add(openLine(pair, [near, far], { clock, random, faults: { delayMax, damage } }))
      }
    }
  }
  const reconnect = (): void => {
    connect()
    clock.after(RECONNECT_MS, reconnect)
  }

  function cut(device: SimDevice): void {
    for (const line of lines) {
      if (line.pair.split(' ').includes(device.name)) line.cut()
    }
  }

  /** kill -9, or a power cut: the disk keeps what was synced, and of the rest what chance leaves. */
  function crash(device: SimDevice): void {
    device.node?.kill()
    device.node = undefined
    cut(device)
    device.files = device.files.powerCut(random)
  }

  async function sign(device: SimDevice, make: () => Promise<BlobRef>): Promise<BlobRef> {
    const ref = await make()
    device.acknowledged.add(ref)
    return ref
  }

  async function act(device: SimDevice, node: SimNode): Promise<void> {
    const { claims } = node
    switch (random.below(6)) {
      case 0:
        permanodes.push(await sign(device, () => claims.randomPermanode()))
        return
      case 1:
        permanodes.push(
          await sign(device, () => claims.plannedPermanode(`album ${random.below(3)}`)),
        )
        return
      case 2:
      case 3: {
        if (permanodes.length === 0) return
        const permanode = random.pick(permanodes)
        const value = random.pick(TITLES)
        const claimType = random.pick(['set-attribute', 'add-attribute', 'del-attribute'] as const)
        const claim = { claimType, permanode, attribute: 'title', value } as const
        await sign(device, () => claims.sign(claim))
        await assertSeen(node, permanode, claim)
        return
      }
      case 4: {
        const targets = [...permanodes, ...device.acknowledged]
        if (targets.length === 0) return
        const target = random.pick(targets)
        await sign(device, () => claims.sign({ claimType: 'delete', target }))
        return
      }
      default:
        await backUp(device, node, make => sign(device, make))
    }
  }

  /** A tree of a few files; its blobs first, the claim last. */
  async function backUp(
    device: SimDevice,
    { door, claims, signer }: SimNode,
    sign: (make: () => Promise<BlobRef>) => Promise<BlobRef>,
  ): Promise<void> {
    const keep = async (bytes: Uint8Array): Promise<BlobRef> => {
      const { ref } = await door.receive(bytes)
      device.acknowledged.add(ref)
      return ref
    }
    const members: BlobRef[] = []
    for (let i = random.below(4); i >= 0; i -= 1) {
      const data = random.bytes(1 + random.below(300))
      const part = { blobRef: await keep(data), size: data.length }
      members.push(await keep(schemaBlob({ camliType: 'file', fileName: `f${i}`, parts: [part] })))
    }
    const entries = await keep(schemaBlob({ camliType: 'static-set', members: members.sort() }))
    const value = await keep(schemaBlob({ camliType: 'directory', fileName: 'd', entries }))
    const permanode = await sign(() =>
      claims.plannedPermanode(backupPermanodeKey(signer.keyId, 'photos')),
    )
    for (const [attribute, text] of [
      [BACKUP_ATTRIBUTE, 'photos'],
      [BACKUP_DEVICE_ATTRIBUTE, signer.keyId],
      [CONTENT_ATTRIBUTE, value],
    ] as const)
      await sign(() =>
        claims.sign({ claimType: 'set-attribute', permanode, attribute, value: text }),
      )
  }

  async function revoke(): Promise<void> {
    const [revoker] = devices
    const chosen = random.pick(devices.slice(1))
    const { node } = revoker ?? {}
    if (!node || chosen.isRevoked || chosen.name.includes("'")) return
    const device = node.index.trust.devices().find(known => known.keyId === chosen.key)
    if (!device) return
    const signer = device.role === 'admin' || random.chance(0.3) ? owner : node.signer
    if (signer !== owner && !node.index.trust.isAdmin(signer.keyId)) return
    const trust = { index: node.index, door: node.door, clock, signer }
    if (random.chance(0.3)) return retireDevice(trust, chosen.key)
    const secret = random.bytes(32)
    for (const one of devices) if (one.key === chosen.key) one.isRevoked = true
    await revokeDevice(trust, chosen.key, node.secrets.check(secret))
    await node.secrets.keep(secret)
  }

  async function disturb(device: SimDevice): Promise<void> {
    switch (random.below(10)) {
      case 0:
        return crash(device)
      case 1:
        // In the midst of what it does next.
        device.files.cutAfter(1 + random.below(40))
        return
      case 2:
        return cut(device)
      case 3:
        for (const line of lines) if (random.chance(0.3)) line.silence()
        return
      case 4: {
        const other = random.pick(devices)
        if (devices.indexOf(device) >= devices.indexOf(other)) return
        parted.add(`${device.name} ${other.name}`)
        for (const line of lines) if (line.pair === `${device.name} ${other.name}`) line.cut()
        return
      }
      case 5:
        parted.clear()
        return
      case 6:
        device.skew = random.below(2 * DAY_MS) - DAY_MS
        return
      case 7:
        device.backup = await copyDisk(device.files)
        return
      case 8: {
        if (!device.backup) return
        crash(device)
        device.files = await copyDisk(device.backup)
        device.acknowledged.clear()
        return
      }
      default: {
        if (random.chance(0.5)) return attempt(devices[0] ?? device, revoke)
        // The home is copied, and a second node runs with its key.
        if (devices.length >= 8 || device.isRevoked) return
        const copy = await addDevice(
          `${device.name}'${devices.length}`,
          await copyDisk(device.files),
        )
        copy.isRevoked = device.isRevoked
      }
    }
  }

  /** What a device does that is cut off in the midst ends in an error, which is all that it is told. */
  async function attempt(device: SimDevice, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      if (!device.files.isOff && !isClosing(error)) throw error
    })
    if (device.files.isOff && device.node) crash(device)
  }

  await certify()
  reconnect()
  return {
    devices,
    clock,
    async step() {
      const device = random.pick(devices)
      if (!device.node) await attempt(device, () => start(device))
      else if (random.chance(0.3)) await attempt(device, () => disturb(device))
      else {
        const { node } = device
        await attempt(device, () => act(device, node))
      }
      await clock.advance(random.below(3000))
      for (const other of devices) if (other.files.isOff && other.node) crash(other)
    },
    async heal() {
      isHealed = true
      parted.clear()
      for (const device of devices) {
        device.skew = 0
        device.files.cutAfter(Infinity)
        if (device.files.isOff) crash(device)
        if (!device.node) await start(device)
      }
      for (const line of lines) line.heal()
      for (const { node } of devices) await node?.index.catchUp()
      await clock.advance(60_000)
    },
    async actAll() {
      for (const device of devices) {
        const { node } = device
        if (!node) continue
        await act(device, node)
        await backUp(device, node, make => sign(device, make))
      }
    },
    async close() {
      for (const { node } of devices) await node?.close()
      for (const { node } of devices) node?.kill()
    },
  }
}

/** Who sets a title sees it, whatever dates others gave to theirs. */
async function assertSeen(
  { index, signer }: SimNode,
  permanode: BlobRef,
  { claimType, value }: { readonly claimType: string; readonly value: string },
): Promise<void> {
  const state = await index.permanode(permanode)
  const mayAct = index.trust.isOwn(signer.keyId) && !index.trust.isRevoked(signer.keyId)
  if (claimType !== 'set-attribute' || value === '' || state?.isOwn !== true || !mayAct) return
  assert.deepEqual(state.attributes.get('title'), [value])
}

function isClosing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'CLOSED'
}

function schemaBlob(fields: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify({ camliVersion: 1, ...fields }))
}

/** Each signature is verified once in a world, and at once: what is done on other threads could not be replayed. */
function rememberingVerify(): Verify {
  const known = new Map<string, KeyId>()
  return async (signed, keyBlob) => {
    const id = refOf(Buffer.concat([signed.payload, Buffer.from(signed.signature), keyBlob]))
    const keyId = known.get(id) ?? verifySignedNow(signed, keyBlob)
    known.set(id, keyId)
    return keyId
  }
}
