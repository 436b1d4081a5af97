import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { openBudget } from '../base/budget.ts'
import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import { PICTURES_WAITING_MAX, PICTURE_DEADLINE_MS, PICTURE_THREADS_MAX } from './limits.ts'
import type { PictureAnswer, PictureQuestion } from './picture-thread.ts'

/** The threads that pictures are made on. */
export interface PictureThreads {
  /**
   * Prepares what is asked once a thread is free, and asks it. Rejects with `NO_PICTURE` when the thread dies of it or
   * takes too long, with `BUSY` when too many wait, with the signal's reason when that aborts before its turn.
   */
  run(prepare: () => Promise<PictureQuestion>, signal?: AbortSignal): Promise<PictureAnswer>
  /** Ends the threads; what is under way rejects with `CLOSED`. */
  close(): Promise<void>
}

interface Thread {
  readonly worker: Worker
  /** Of the question that is being answered. */
  answered: PromiseWithResolvers<PictureAnswer> | undefined
}

export function openPictureThreads(clock: Clock): PictureThreads {
  const places = openBudget(PICTURE_THREADS_MAX)
  const threads = new Set<Thread>()
  const idle: Thread[] = []
  let waiting = 0
  let isClosed = false

  function startThread(): Thread {
    const program = new URL(`./picture-thread${extname(import.meta.url)}`, import.meta.url)
    const thread: Thread = { worker: new Worker(program), answered: undefined }
    thread.worker.unref()
    thread.worker.on('message', (answer: PictureAnswer) => thread.answered?.resolve(answer))
    thread.worker.on('error', error => drop(thread, noPicture(String(error))))
    threads.add(thread)
    return thread
  }

  /** Ends a thread; who comes next gets another. */
  function drop(thread: Thread, error: Error): void {
    threads.delete(thread)
    if (idle.includes(thread)) idle.splice(idle.indexOf(thread), 1)
    thread.answered?.reject(error)
    thread.worker.terminate().catch(() => undefined)
  }

  /** Its answer gives the place back. */
  async function takePlace(signal: AbortSignal | undefined): Promise<() => void> {
    if (waiting >= PICTURES_WAITING_MAX)
      throw new PeerkeepError('BUSY', 'too many pictures are being made; try again later')
    waiting += 1
    try {
      return await places.take(1, signal)
    } finally {
      waiting -= 1
    }
  }

  async function ask(thread: Thread, question: PictureQuestion): Promise<PictureAnswer> {
    const answered = Promise.withResolvers<PictureAnswer>()
    thread.answered = answered
    const onLate = (): void => drop(thread, noPicture('it takes too long'))
    const cancel = clock.after(PICTURE_DEADLINE_MS, onLate)
    thread.worker.ref()
    thread.worker.postMessage(question, [question.bytes.buffer])
    try {
      return await answered.promise
    } finally {
      cancel()
      thread.worker.unref()
      thread.answered = undefined
    }
  }

  return {
    async run(prepare, signal) {
      const giveBack = await takePlace(signal)
      try {
        const question = isClosed ? undefined : await prepare()
        if (isClosed || !question) throw closed()
        const thread = idle.pop() ?? startThread()
        const answer = await ask(thread, question)
        idle.push(thread)
        return answer
      } finally {
        giveBack()
      }
    },
    async close() {
      isClosed = true
      for (const { answered } of threads) answered?.reject(closed())
      await Promise.all([...threads].map(async ({ worker }) => worker.terminate()))
    },
  }
}

export function noPicture(reason: string): PeerkeepError {
  return new PeerkeepError('NO_PICTURE', `no picture can be made of this file: ${reason}`)
}

function closed(): PeerkeepError {
  return new PeerkeepError('CLOSED', 'Pictures were asked for after they were closed.')
}
