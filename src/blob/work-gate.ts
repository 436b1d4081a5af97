import { openBudget } from '../base/budget.ts'
import { PeerkeepError } from '../base/errors.ts'

/** What a store is doing: never more than so much at once, nothing new once it closes. */
export interface WorkGate {
  /** Runs `work` in its turn. Rejects with `CLOSED` once closing began. Never call it from within such work. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  requireOpen(): void
  /** Refuses new work from now on; resolves when all that was taken on has ended. */
  close(): Promise<void>
}

/** `name` is what the message of a refusal calls the store. */
export function openWorkGate(name: string, atOnce: number): WorkGate {
  const places = openBudget(atOnce)
  let running = 0
  let isClosed = false
  let onIdle: (() => void) | undefined
  let closing: Promise<void> | undefined

  function requireOpen(): void {
    if (isClosed) throw new PeerkeepError('CLOSED', `${name} was used after it was closed.`)
  }

  return {
    async run(work) {
      requireOpen()
      running++
      try {
        const giveBack = await places.take(1)
        try {
          return await work()
        } finally {
          giveBack()
        }
      } finally {
        if (--running === 0) onIdle?.()
      }
    },
    requireOpen,
    close() {
      isClosed = true
      closing ??= new Promise(resolve => {
        onIdle = resolve
        if (running === 0) resolve()
      })
      return closing
    },
  }
}

/** Lets work about the same key run one after the other, in the order asked for. */
export function openTurns(): <Result>(key: string, work: () => Promise<Result>) => Promise<Result> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = last.get(key)
    const mine = before === undefined ? work() : before.then(work)
    const done = mine.catch(() => undefined)
    last.set(key, done)
    try {
      return await mine
    } finally {
      if (last.get(key) === done) last.delete(key)
    }
  }
}
