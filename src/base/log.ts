/** Where a part writes what a person may want to read later: one line an event, no secrets. */
export interface Log {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
}

type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** A log that keeps nothing. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined }
