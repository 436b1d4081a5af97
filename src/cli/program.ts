import { Command } from 'commander'

import type { RunOperation } from '../http/operation-routes.ts'
import type { HomePaths } from '../node/home.ts'
import { type Cli, openCli } from './cli.ts'
import { defineCommands } from './commands.ts'
import { findHome } from './environment.ts'
import { openTerminal } from './terminal.ts'
import { readVersion } from './version.ts'

interface Program {
  readonly program: Command
  /** Closes the node, when a command opened one in this process. */
  close(): Promise<void>
}

export function createProgram(host: NodeJS.Process, signal: AbortSignal): Program {
  const program = new Command('peerkeep')
    .description('Personal storage that outlives its devices.')
    .version(readVersion(), '--version', 'print the version')
    .option(
      '--home <DIR>',
      'where this node keeps everything (default: $PEERKEEP_HOME or the usual place)',
    )
    .option('--json', 'print results as JSON, one value a line')
    .option('-q, --quiet', 'print results and errors only')
    .option('-v, --verbose', 'print what the node logs')
    .showHelpAfterError('(peerkeep COMMAND --help explains the command)')
    .exitOverride()
  const options = (): Record<string, unknown> => program.opts()
  const home = (): HomePaths => findHome(options()['home'] as string | undefined, host.env)
  const closers: (() => Promise<void>)[] = []
  let reached: Promise<RunOperation> | undefined
  const reachNode = (): Promise<RunOperation> =>
    (reached ??= findNode(home(), closers, options()['verbose'] === true))
  const cli = (): Cli =>
    openCli({
      terminal: openTerminal(host, options()['quiet'] === true),
      isJson: options()['json'] === true,
      signal,
      reachNode,
      setExitCode: code => (host.exitCode = code),
    })
  const isVerbose = (): boolean => options()['verbose'] === true
  defineCommands({ program, cli, home, signal, env: host.env, isVerbose })
  return {
    program,
    async close() {
      for (const closeOne of closers) await closeOne()
    },
  }
}

/** The running node of this home, else one opened in this process for as long as the command runs. */
async function findNode(
  paths: HomePaths,
  closers: (() => Promise<void>)[],
  isVerbose: boolean,
): Promise<RunOperation> {
  const { connectToNode } = await import('../http/client.ts')
  const running = await connectToNode(paths.socket)
  if (running) return running
  const { openLocalNode } = await import('./local-node.ts')
  const local = await openLocalNode(paths, isVerbose)
  closers.push(local.close)
  return local.run
}
