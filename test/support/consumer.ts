import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { extract } from 'tar'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a program that a consumer ran has ended. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A project of somebody else that has this package installed: as it is packed, on its own dependencies only. */
export interface Consumer {
  readonly directory: string
  /** Paths of the files in the package. */
  readonly files: ReadonlyArray<string>
  /** Installs packages of this checkout beside it: what the somebody has for the own development. */
  readonly add: (...packages: ReadonlyArray<string>) => Promise<void>
  readonly write: (path: string, text: string) => Promise<void>
  /** Runs `node` in the project's folder. */
  readonly node: (...args: ReadonlyArray<string>) => Promise<Ended>
  /** Runs a program that an installed package brings. */
  readonly bin: (name: string, ...args: ReadonlyArray<string>) => Promise<Ended>
  readonly remove: () => Promise<void>
}

const run = (program: string, args: ReadonlyArray<string>, cwd: string): Promise<Ended> =>
  new Promise((resolve) => {
    // Nothing of the tests' own loader and settings may help the package.
    const { PATH, HOME } = process.env
    const env = { PATH, HOME, npm_config_update_notifier: 'false' }
    execFile(program, [...args], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }),
    )
  })

const pack = async (into: string): Promise<{ readonly file: string; readonly files: ReadonlyArray<string> }> => {
  for (const made of ['composition/bin.js', 'adapters/postgres/pglite-snapshot.tgz'])
    await stat(join(root, 'dist', made)).catch(() => {
      throw new Error('the package is not built: run "npm run build" first')
    })
  const { code, stdout, stderr } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--offline', '--pack-destination', into],
    root,
  )
  if (code !== 0) throw new Error(`npm pack failed: ${stderr}`)
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: ReadonlyArray<{ path: string }> }]
  return { file: join(into, filename), files: files.map(({ path }) => path) }
}

/** Packs the built checkout and installs it in an empty project, without a registry. */
export const makeConsumer = async (): Promise<Consumer> => {
  const directory = await mkdtemp(join(tmpdir(), 'pixl-consumer-'))
  const modules = join(directory, 'node_modules')
  const installed = join(modules, 'pixl-core')
  const add = async (...packages: ReadonlyArray<string>): Promise<void> => {
    for (const name of packages) {
      await mkdir(dirname(join(modules, name)), { recursive: true })
      await symlink(join(root, 'node_modules', name), join(modules, name))
    }
  }
  const { file, files } = await pack(directory)
  await mkdir(installed, { recursive: true })
  await extract({ file, cwd: installed, strip: 1 })
  const { dependencies, bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
    readonly bin: Readonly<Record<string, string>>
  }
  await add(...Object.keys(dependencies))
  await mkdir(join(modules, '.bin'))
  for (const [name, path] of Object.entries(bin))
    await symlink(join('..', 'pixl-core', path), join(modules, '.bin', name))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module', private: true }))
  return {
    directory,
    files,
    add,
    write: async (path, text) => {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text)
    },
    node: (...args) => run(process.execPath, args, directory),
    bin: (name, ...args) => run(join(modules, '.bin', name), args, directory),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}
