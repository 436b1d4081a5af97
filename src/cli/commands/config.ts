import { configKeys } from '../../node/config.ts'
import { fields } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

export function defineConfig({ program, cli, home }: CommandHost): void {
  const config = program
    .command('config')
    .summary('show or change the configuration')
    .description(
      `Shows what is configured. 'config set KEY VALUE' changes config.toml in the home.`,
    )
    .option('--low-level', 'what it becomes: every part of the node with its settings')
    .action(async (options: { lowLevel?: true }) => {
      const io = cli()
      const { showConfig } = await import('../local-node.ts')
      const shown = await showConfig(home(), options.lowLevel === true)
      await io.print(shown, value =>
        options.lowLevel === true
          ? [JSON.stringify(value, null, 2)]
          : Object.entries(fields(value)).map(
              ([key, field]) => `${key} = ${JSON.stringify(field)}`,
            ),
      )
    })
  config
    .command('set')
    .summary('change one setting')
    .argument('<key>', `one of ${configKeys.join(', ')}`)
    .argument('<value>', 'its value; lists are separated by commas')
    .action(async (key: string, value: string) => {
      const io = cli()
      const { changeConfig } = await import('../local-node.ts')
      const changed = await changeConfig(home(), { key, value })
      await io.print(changed, result => [`${key} = ${JSON.stringify(fields(result)[key])}`])
      io.terminal.note('A running node takes it over when it is started again.')
    })
}
