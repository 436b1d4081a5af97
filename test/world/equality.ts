import assert from 'node:assert/strict'

import type { BlobRef } from '../../src/blob/ref.ts'
import type { SimNode } from './sim-node.ts'
import type { SimDevice, World } from './world.ts'

/** What a person sees at a node, and what it keeps. */
interface View {
  readonly claims: readonly BlobRef[]
  readonly schema: readonly BlobRef[]
  readonly states: readonly unknown[]
  readonly snapshots: readonly unknown[]
  readonly missing: readonly BlobRef[]
}

/**
 * Devices that can talk to each other: up, and not revoked. Two that run with one key only meet through others, so
 * where nobody else is left, there is one to look at.
 */
function talking({ devices }: World): (SimDevice & { node: SimNode })[] {
  const up = devices.filter(
    (device): device is SimDevice & { node: SimNode } =>
      !device.isRevoked && device.node !== undefined,
  )
  return new Set(up.map(({ key }) => key)).size > 1 ? up : up.slice(0, 1)
}

async function viewOf({ index }: SimNode): Promise<View> {
  await index.catchUp()
  const refsOf = async (set: 'claims' | 'schema'): Promise<BlobRef[]> =>
    (await Array.fromAsync(index.enumerateMeta(set))).map(({ ref }) => ref)
  const states: unknown[] = []
  for await (const ref of index.permanodes()) {
    const state = await index.permanode(ref)
    if (state?.isOwn === true)
      states.push([ref, state.isDeleted, [...state.attributes], state.modified])
  }
  const snapshots: unknown[] = []
  for await (const backup of index.backups())
    snapshots.push([backup, await Array.fromAsync(index.snapshots(backup.permanode))])
  const missing = (await Array.fromAsync(index.missing())).map(({ needed }) => needed)
  return {
    claims: await refsOf('claims'),
    schema: await refsOf('schema'),
    states,
    snapshots,
    missing,
  }
}

/** Lets time pass until all that can talk have the same; fails after half an hour of virtual time. */
export async function untilEqual(world: World): Promise<void> {
  for (let round = 0; ; round += 1) {
    const error = await differenceOf(world)
    if (!error) return
    if (round === 16) throw error
    await world.clock.advance(10_000 * 1.3 ** round)
  }
}

async function differenceOf(world: World): Promise<Error | undefined> {
  try {
    await assertEqual(world)
    return undefined
  } catch (error) {
    return error as Error
  }
}

async function assertEqual(world: World): Promise<void> {
  const nodes = talking(world)
  const views = await Promise.all(nodes.map(({ node }) => viewOf(node)))
  const [first] = views
  const disputed = new Set<BlobRef>()
  for (const { node } of nodes) {
    for await (const { ref } of node.index.disputed()) disputed.add(ref)
  }
  for (const [i, view] of views.entries()) {
    const names = `${nodes[0]?.name} and ${nodes[i]?.name}`
    for (const part of ['claims', 'schema', 'states', 'snapshots'] as const)
      assert.deepEqual(view[part], first?.[part], `${part} of ${names}`)
    for (const ref of view.missing) {
      for (const { name, node } of nodes) {
        const [size] = await node.store.stat([ref])
        // What a revoked device signed is kept by whoever had it, and taken by nobody else, whoever refers to it.
        if (disputed.has(ref)) continue
        assert.equal(size, undefined, `${nodes[i]?.name} lacks ${ref}, which ${name} has`)
      }
    }
  }
}

/** Whatever a device was told to be kept is there; what follows from that for the others, equality shows. */
export async function assertKept(world: World): Promise<void> {
  for (const { name, node, acknowledged } of talking(world)) {
    for (const ref of acknowledged) {
      const [size] = await node.store.stat([ref])
      assert.notEqual(size, undefined, `${name} lacks ${ref}, which it was told is kept`)
    }
  }
}

/** Where one of those that can talk has the secret that the claims name, all have it. */
export async function assertSecrets(world: World): Promise<void> {
  const nodes = talking(world)
  const checks = nodes.map(({ node: { secrets } }) => secrets.check(secrets.secret()))
  for (const { name, node } of nodes) {
    const wanted = await node.secrets.wanted()
    if (wanted === undefined || !checks.includes(wanted)) continue
    assert.equal(node.secrets.check(node.secrets.secret()), wanted, `the secret of ${name}`)
  }
}

/** What a revoked device signed and nobody had seen is stored by nobody, though it were offered. */
export async function assertRefused(world: World): Promise<void> {
  const nodes = talking(world)
  for (const device of world.devices) {
    if (!device.isRevoked || !device.node) continue
    const permanode = await device.node.claims.randomPermanode()
    const bytes = (await device.node.store.fetch(permanode)) ?? new Uint8Array()
    for (const { name, node } of nodes) {
      if (!node.index.trust.isRevoked(device.key)) continue
      assert.equal(
        await node.source.take({ from: node.signer.keyId, set: 'claims', bytes }),
        false,
        `${name} takes what was revoked`,
      )
    }
  }
}
