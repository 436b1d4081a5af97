import { defineAdoptKey } from './commands/adopt-key.ts'
import { defineBackup } from './commands/backup.ts'
import { defineBlobs } from './commands/blobs.ts'
import { defineClaims } from './commands/claims.ts'
import { defineConfig } from './commands/config.ts'
import { defineDescribe } from './commands/describe.ts'
import { defineDiff } from './commands/diff.ts'
import { defineFind } from './commands/find.ts'
import { defineGet } from './commands/get.ts'
import { defineInit } from './commands/init.ts'
import { defineLs } from './commands/ls.ts'
import { definePairing } from './commands/pair.ts'
import { definePut } from './commands/put.ts'
import { defineRestore } from './commands/restore.ts'
import { defineSearch } from './commands/search.ts'
import { defineShare } from './commands/share.ts'
import { defineSnapshots } from './commands/snapshots.ts'
import { defineSync } from './commands/sync.ts'
import { defineTrust } from './commands/trust.ts'
import { defineUp } from './commands/up.ts'
import { defineUpkeep } from './commands/upkeep.ts'
import type { CommandHost } from './command-host.ts'

/** All commands, in the order in which the help lists them: that of a new user's first day. */
export function defineCommands(host: CommandHost): void {
  for (const define of [
    defineInit,
    defineUp,
    definePairing,
    defineTrust,
    defineAdoptKey,
    defineBackup,
    defineSnapshots,
    defineLs,
    defineFind,
    defineDiff,
    defineRestore,
    definePut,
    defineGet,
    defineClaims,
    defineSearch,
    defineShare,
    defineDescribe,
    defineBlobs,
    defineSync,
    defineUpkeep,
    defineConfig,
  ]) {
    define(host)
  }
}
