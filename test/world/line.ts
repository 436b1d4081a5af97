import type { Clock } from '../../src/base/clock.ts'
import { serveBlobs } from '../../src/peer/serve-blobs.ts'
import type { SimRandom } from '../sim/sim-random.ts'
import { type LinkFaults, openSimPipe } from './sim-link.ts'
import type { SimNode } from './sim-node.ts'

/** A connection between two nodes, with the three streams that they open on it. */
export interface Line {
  readonly pair: string
  cut(): void
  silence(): void
  /** Ends its faults: one that has damaged something, which the two may have to forget, is cut. */
  heal(): void
  isOver(): boolean
}

export function openLine(
  pair: string,
  [near, far]: readonly [SimNode, SimNode],
  parts: { readonly clock: Clock; readonly random: SimRandom; readonly faults: LinkFaults },
): Line {
  const { clock, random, faults } = parts
  const pipes = [0, 1, 2].map(() => openSimPipe(clock, random, faults))
  const [control, nearBlobs, farBlobs] = pipes.map(({ ends }) => ends)
  if (!control || !nearBlobs || !farBlobs) throw new TypeError('three pipes')
  let isOver = false
  const cut = (): void => {
    isOver = true
    for (const pipe of pipes) pipe.cut()
  }
  const path = pair
  const ended = [
    near.replica.attach(
      { control: control[0], blobs: [nearBlobs[0]], path },
      far.signer.keyId,
      'asks',
    ),
    far.replica.attach(
      { control: control[1], blobs: [farBlobs[0]], path },
      near.signer.keyId,
      'answers',
    ),
    serveBlobs(nearBlobs[1], far.source),
    serveBlobs(farBlobs[1], near.source),
  ]
  for (const end of ended) end.then(cut, cut)
  return {
    pair,
    cut,
    silence: () => pipes.forEach(pipe => pipe.silence()),
    heal() {
      if (faults.damage > 0) cut()
      faults.damage = 0
    },
    isOver: () => isOver,
  }
}
