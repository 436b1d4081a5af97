import { randomFillSync } from 'node:crypto'

/** Chance as a parameter: parts never ask the system, so that tests replay a run from its seed. */
export interface Random {
  /** `length` fresh unpredictable bytes (of the system's generator), or the next ones of a seed. */
  bytes(length: number): Uint8Array
}

export const systemRandom: Random = {
  bytes: length => randomFillSync(new Uint8Array(length)),
}
