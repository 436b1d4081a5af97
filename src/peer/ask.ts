import type { Message } from './messages.ts'
import type { Request } from './responder.ts'

/** Takes one answer; false when it was the last one of its question. */
export type TakeAnswer = (message: Message) => Promise<boolean>

/** Sends a question and lets `take` have its answers. Rejects when the line ends first. */
export type Ask = (question: Request, take: TakeAnswer) => Promise<void>
