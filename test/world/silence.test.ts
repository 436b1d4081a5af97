import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SILENCE_MAX_MS } from '../../src/peer/limits.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import { verifySignedNow } from '../../src/schema/signed-blob.ts'
import { openSimClock, type SimClock } from '../sim/sim-clock.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'
import { openLine } from './line.ts'
import { openSimNode, seedNamed, type SimNode } from './sim-node.ts'

/** Two devices of one owner that know each other. */
async function openPair(clock: SimClock): Promise<[SimNode, SimNode]> {
  const owner = bulkSigner(seedNamed('owner'))
  const names = ['laptop', 'nas'] as const
  let date = BigInt(clock.now()) * 1_000_000n
  const known = [owner.keyBlob]
  for (const name of names) {
    const device = bulkSigner(seedNamed(name))
    const certificate = { device, name, role: 'device' } as const
    known.push(device.keyBlob, ...makeCertificate(certificate, owner, () => (date += 1n)))
  }
  const open = async (name: (typeof names)[number]): Promise<SimNode> => {
    const node = await openSimNode({
      name,
      seed: seedNamed(name),
      owner: owner.keyId,
      groupSecret: new Uint8Array(32),
      files: openSimFiles(),
      clock,
      random: openSimRandom(names.indexOf(name)),
      verify: async (parts, keyBlob) => verifySignedNow(parts, keyBlob),
    })
    for (const bytes of known) await node.door.receive(bytes)
    await node.index.catchUp()
    return node
  }
  return [await open(names[0]), await open(names[1])]
}

test('a line on which nothing comes any more is given up, and one that is only idle is not', async () => {
  const clock = openSimClock()
  const pair = await openPair(clock)
  const faults = { delayMax: 10, damage: 0 }
  const line = openLine('laptop nas', pair, { clock, random: openSimRandom(1), faults })
  await clock.advance(10 * SILENCE_MAX_MS)
  assert.equal(line.isOver(), false)
  assert.equal(pair[0].replica.sessions().length, 1)
  line.silence()
  await clock.advance(SILENCE_MAX_MS / 2)
  assert.equal(line.isOver(), false)
  await clock.advance(SILENCE_MAX_MS)
  assert.equal(line.isOver(), true)
  assert.equal(pair[0].replica.sessions().length, 0)
  for (const node of pair) await node.close()
})
