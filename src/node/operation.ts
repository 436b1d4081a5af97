import type { JsonObject, JsonValue } from '../base/json.ts'

/**
 * What a node can be asked to do, one file each beside this one's users. An operation does not know
 * who asks: a command in the same process, or one in another that reached the node through its
 * socket (http). So its arguments, items and result are JSON, and it never prints.
 */
export interface Operation<Subject> {
  readonly name: string
  /**
   * Runs once. Rejects with a PeerkeepError; `BAD_USAGE` for arguments it does not take. What it
   * has emitted before it rejects stands.
   */
  run(subject: Subject, args: JsonObject, context: OperationContext): Promise<JsonValue>
}

export interface OperationContext {
  /** Aborts when whoever asked went away or stopped it. */
  readonly signal: AbortSignal
  /** Hands an event to whoever asked. Await it: it holds the operation back when they are slow. */
  emit(event: OperationEvent): Promise<void>
  /** Asks the person a yes-or-no question; false when there is nobody to ask. */
  confirm(question: string): Promise<boolean>
}

export type OperationEvent =
  /** One entry of a listing. */
  | { readonly type: 'item'; readonly value: JsonValue }
  /** A piece of raw content (`cat`). */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** How far it is; replaces the one before. */
  | { readonly type: 'progress'; readonly progress: ProgressReport }
  /** Something the person should read now, a line. */
  | { readonly type: 'note'; readonly text: string }
  /** Something that went wrong for one thing, the rest goes on. */
  | { readonly type: 'problem'; readonly subject: string; readonly reason: string }

export interface ProgressReport {
  readonly phase: string
  readonly files: number
  readonly bytes: number
  /** Undefined while the whole is not known. */
  readonly totalBytes?: number | undefined
  readonly bytesPerSecond?: number | undefined
  readonly secondsLeft?: number | undefined
}
