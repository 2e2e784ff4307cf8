import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { makeFolder } from '../adapters/system/make-folder.js'
import { invalidInput } from '../domain/errors.js'
import { Refused } from './resources.js'

/** Paths below a state directory. */
export const statePaths = (stateDirectory: string) => ({
  database: join(stateDirectory, 'database'),
  index: join(stateDirectory, 'images.index'),
  log: join(stateDirectory, 'pixl.log'),
  out: join(stateDirectory, 'out.json'),
  secrets: join(stateDirectory, 'secrets'),
  socket: join(stateDirectory, 'socket'),
  spool: join(stateDirectory, 'spool'),
  temporary: join(stateDirectory, 'temporary'),
})
/** See {@link statePaths}. */
export type StatePaths = ReturnType<typeof statePaths>

/** The folders an operator names. */
interface Folders {
  readonly stateDirectory: string
  readonly images?: string
  readonly out?: string
}

/** Ends the building with a sentence. */
export const refuse = (where: string, what: string, remedy: string): never => {
  throw new Refused(invalidInput(where, what, remedy))
}

const isInside = (inner: string, outer: string): boolean => {
  const way = relative(outer, inner)
  return way === '' || (!way.startsWith(`..${sep}`) && way !== '..' && !way.startsWith(sep))
}

/** The real path of a folder that need not exist yet. */
const realFolder = async (path: string): Promise<string> => {
  const absolute = resolve(path)
  return realpath(absolute).catch(async () =>
    join(await realFolder(dirname(absolute)), absolute.slice(dirname(absolute).length)),
  )
}

/** The state directory must not be read as images. */
export const checkImages = async ({ images, stateDirectory }: Folders): Promise<void> => {
  if (images === undefined) return
  const found = await stat(images).catch(() => null)
  if (found?.isDirectory() !== true) refuse(images, 'is not a folder', 'name the folder that holds the DICOM files')
  if (isInside(await realFolder(stateDirectory), await realpath(images)))
    refuse(stateDirectory, 'is inside the folder of images', 'choose a state directory elsewhere')
}

/** What is delivered must not be read again as images, nor images be overwritten. */
const checkApart = async (images: string | undefined, out: string): Promise<void> => {
  if (images === undefined) return
  const [tree, target] = [await realpath(images), await realFolder(out)]
  if (isInside(target, tree) || isInside(tree, target))
    refuse(out, 'and the folder of images are inside each other', 'choose an output folder elsewhere')
}

const outOf = (text: string): string | undefined => {
  try {
    const { out } = JSON.parse(text) as { readonly out?: unknown }
    return typeof out === 'string' ? out : undefined
  } catch {
    return undefined
  }
}

const rememberedOut = async (paths: StatePaths): Promise<string | undefined> => {
  const text = await readFile(paths.out, 'utf8').catch((caught: NodeJS.ErrnoException) => {
    if (caught.code !== 'ENOENT') throw caught
    return null
  })
  if (text === null) return undefined
  return (
    outOf(text) ??
    refuse(paths.out, 'is damaged', 'write {"out": "..."} there, with the folder this state directory delivers to')
  )
}

/** The output folder this state directory delivers to: the first usable one it was given, for good. */
export const chooseOut = async (paths: StatePaths, { images, out }: Folders): Promise<string | undefined> => {
  const remembered = await rememberedOut(paths)
  if (remembered !== undefined && out !== undefined && remembered !== (await realFolder(out)))
    refuse(
      out,
      `is not where this state directory delivers to (${remembered})`,
      'use that folder, or another state directory',
    )
  if (out === undefined) {
    if (remembered !== undefined) await checkApart(images, remembered)
    return remembered
  }
  // What was delivered before would be missing, or would hide what is delivered now once it is back.
  if (remembered !== undefined && (await stat(remembered).catch(() => null)) === null)
    refuse(
      out,
      'is gone, though this state directory has delivered to it',
      'mount it or put it back; or make it again, empty, if that is meant',
    )
  await checkApart(images, out)
  await checkWritable(out)
  const given = await realFolder(out)
  if (remembered === undefined) {
    await writeFile(`${paths.out}.partial`, JSON.stringify({ out: given }), { mode: 0o600, flush: true })
    await rename(`${paths.out}.partial`, paths.out)
  }
  return given
}

const checkWritable = async (out: string): Promise<void> => {
  const trial = join(out, `.pixl-${process.pid}.part`)
  try {
    await makeFolder(out)
    await writeFile(trial, 'x')
  } catch (caught) {
    const code = (caught as NodeJS.ErrnoException).code ?? ''
    refuse(out, `cannot be written to (${code})`, 'make room or grant access, or choose another output folder')
  } finally {
    await rm(trial, { force: true }).catch(() => undefined)
  }
}
