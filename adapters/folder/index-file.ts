import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { HeaderReading } from './header-reader.js'
import { isGone } from './tree.js'

/** What the index knows of one file. */
export interface IndexedFile {
  /** Relative to the root. */
  readonly path: string
  readonly stamp: string
  readonly reading: HeaderReading
}

/** Changes whenever the meaning of a line does; an index of another version is made again. */
const format = 'pixl folder index 1'
const linesPerWrite = 2_000

type Line = readonly [path: string, stamp: string, kind: string, ...rest: ReadonlyArray<string>]

const toLine = ({ path, stamp, reading }: IndexedFile): Line => {
  switch (reading._tag) {
    case 'Header':
      return [
        path,
        stamp,
        'header',
        reading.studyInstanceUid,
        reading.sopInstanceUid,
        reading.patientId,
        reading.accessionNumber,
      ]
    case 'NotDicom':
      return [path, stamp, 'other']
    case 'Damaged':
      return [path, stamp, 'damaged', reading.problem, reading.studyInstanceUid]
  }
}

/** Keeps one copy of a text that thousands of files share. */
const sharing = (): ((text: string) => string) => {
  const seen = new Map<string, string>()
  return (text) => {
    const known = seen.get(text)
    if (known !== undefined) return known
    seen.set(text, text)
    return text
  }
}

const fromLine = (line: unknown, shared: (text: string) => string): IndexedFile | null => {
  if (!Array.isArray(line) || !line.every((field) => typeof field === 'string')) return null
  const [path, stamp, kind, a, b, c, d] = line as ReadonlyArray<string>
  if (path === undefined || stamp === undefined) return null
  if (kind === 'other') return { path, stamp, reading: { _tag: 'NotDicom' } }
  if (a === undefined || b === undefined) return null
  if (kind === 'damaged') {
    return { path, stamp, reading: { _tag: 'Damaged', problem: shared(a), studyInstanceUid: shared(b) } }
  }
  if (kind !== 'header' || c === undefined || d === undefined) return null
  return {
    path,
    stamp,
    reading: {
      _tag: 'Header',
      studyInstanceUid: shared(a),
      sopInstanceUid: b,
      patientId: shared(c),
      accessionNumber: shared(d),
    },
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/**
 * Reads an index written for that root. Null when there is none, or when it is damaged, unfinished, of another version
 * or for another folder: it is then made again, which costs time and loses nothing.
 */
export const readIndex = async (index: string, root: string): Promise<ReadonlyMap<string, IndexedFile> | null> => {
  const files = new Map<string, IndexedFile>()
  const shared = sharing()
  const stream = createReadStream(index, { encoding: 'utf8' })
  let first = true
  let announced = 0
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      const line = parse(text)
      if (first) {
        const [name, of, count] = Array.isArray(line) ? (line as ReadonlyArray<unknown>) : []
        if (name !== format || of !== root || typeof count !== 'number') return null
        announced = count
        first = false
        continue
      }
      const file = fromLine(line, shared)
      if (file === null) return null
      files.set(file.path, file)
    }
  } catch (caught) {
    if (isGone(caught)) return null
    throw caught
  } finally {
    stream.destroy()
  }
  return !first && files.size === announced ? files : null
}

/** Writes the index beside itself, readable by its owner only, and puts it in place in one step. */
export const writeIndex = async (
  index: string,
  root: string,
  files: ReadonlyMap<string, IndexedFile>,
): Promise<void> => {
  const part = `${index}.part`
  await mkdir(dirname(index), { recursive: true, mode: 0o700 })
  await rm(part, { force: true })
  const handle = await open(part, 'wx', 0o600)
  try {
    let lines = [JSON.stringify([format, root, files.size])]
    for (const file of files.values()) {
      lines.push(JSON.stringify(toLine(file)))
      if (lines.length < linesPerWrite) continue
      await handle.writeFile(`${lines.join('\n')}\n`)
      lines = []
    }
    if (lines.length > 0) await handle.writeFile(`${lines.join('\n')}\n`)
    await handle.sync()
  } catch (caught) {
    await rm(part, { force: true })
    throw caught
  } finally {
    await handle.close()
  }
  await rename(part, index)
}
