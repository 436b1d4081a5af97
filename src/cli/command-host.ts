import type { Command } from 'commander'

import type { HomePaths } from '../node/home.ts'
import type { Cli } from './cli.ts'

/** What a command file adds itself to: the program, and how to get what its action needs. */
export interface CommandHost {
  readonly program: Command
  /** Only inside an action: the global options are known by then. */
  cli(): Cli
  home(): HomePaths
  readonly signal: AbortSignal
  readonly env: NodeJS.ProcessEnv
  readonly isVerbose: () => boolean
}
