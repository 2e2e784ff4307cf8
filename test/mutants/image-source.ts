import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryImageSource } from '../../adapters/memory/image-source.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageSourceHarness } from '../contract/image-source.js'
import { readAll } from '../contract/image-studies.js'
import { startMemorySource } from '../support/uploaders.js'
import type { Mutant } from './mutants.js'

/** What a mutant opened; closed with its harness. */
const leaked: Array<FileHandle> = []

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  spoil: (source: MemoryImageSource) => Partial<ImageSource>,
): Mutant<ImageSourceHarness> => ({
  title,
  breaks,
  start: async () => ({
    ...(await startMemorySource((source) => ({ ...source, ...spoil(source) }))),
    close: async () => {
      for (const handle of leaked.splice(0)) await handle.close()
    },
  }),
})

/** Changes the bytes of every archive. */
const archiving =
  (change: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) =>
  (source: MemoryImageSource): Partial<ImageSource> => ({
    openArchive: (ref) => pipe(source.openArchive(ref), TE.map(change)),
  })

async function* changed(
  chunks: AsyncIterable<Uint8Array>,
  change: (whole: Buffer) => Buffer,
): AsyncGenerator<Uint8Array> {
  yield change(await readAll(chunks))
}
async function* endingQuietly(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch {
    return
  }
}
let turn = 0
const broken: Readonly<Record<string, string>> = {
  zip: 'gives a zip of all instances, stored, sorted by name, byte for byte',
  equal: 'gives equal bytes each time, also to two readers at once',
  foreign: 'finds nothing at a location that is not its own, and discards nothing there',
  other: 'does not find what it never held, or holds for another project or under another UID',
  discard: 'discards a study once or twice, and no other',
  outage: 'tells an outage from a missing study, calls it transient and names no place',
}

/** Sources that break one promise each. */
export const mutants: ReadonlyArray<Mutant<ImageSourceHarness>> = [
  mutant('discards when the task is built', ['does nothing until the task is run'], (source) => ({
    discard: (ref) => {
      const answer = source.discard(ref)()
      return () => answer
    },
  })),
  mutant('forgets to count a series', ['counts the series, instances and bytes of each study'], (source) => ({
    describe: (ref) =>
      pipe(
        source.describe(ref),
        TE.map((study) => ({ ...study, seriesCount: 1 })),
      ),
  })),
  mutant(
    'changes a byte of an instance',
    [broken['zip']!],
    archiving((chunks) =>
      changed(chunks, (whole) => {
        whole[1_000] = 0
        return whole
      }),
    ),
  ),
  mutant(
    'writes the time into the zip',
    [broken['equal']!],
    archiving((chunks) =>
      changed(chunks, (whole) => {
        whole.writeUInt16LE((turn += 1) % 60_000, 10)
        return whole
      }),
    ),
  ),
  mutant('looks at the location only', [broken['other']!], (source) => ({
    describe: (ref) => source.describe({ ...ref, project: known(ProjectSlug, 'project-one') }),
  })),
  mutant('does not count what is left', ['does not find a study that lost an instance'], (source) => ({
    openArchive: (ref) =>
      pipe(
        source.openArchive(ref),
        TE.orElse(() => TE.right<never, AsyncIterable<Uint8Array>>((async function* () {})())),
      ),
  })),
  mutant('discards whatever the location leads to', [broken['foreign']!], (source) => ({
    discard: (ref) => source.discard(ref.location === '../first' ? { ...ref, location: '2.25.101-1' } : ref),
  })),
  mutant('refuses to discard twice', [broken['discard']!], (source) => ({
    discard: (ref) =>
      pipe(
        source.describe(ref),
        TE.mapLeft(() => ({ _tag: 'Unavailable' as const, port: 'ImageSource' as const, cause: { name: 'Gone' } })),
        TE.flatMap(() => source.discard(ref)),
      ),
  })),
  mutant('discards nothing', [broken['discard']!], () => ({ discard: () => TE.right(undefined) })),
  mutant(
    'ends quietly when the study breaks',
    ['lets a stream throw when the study breaks under it, rather than end early'],
    archiving(endingQuietly),
  ),
  mutant('calls an outage a missing study', [broken['outage']!], (source) => ({
    describe: (ref) =>
      pipe(
        source.describe(ref),
        TE.mapLeft(() => ({ _tag: 'StudyNotFound', study: ref.pseudoStudyUid })),
      ),
  })),
  mutant('names the place in its errors', [broken['outage']!], (source) => ({
    openArchive: (ref) =>
      pipe(
        source.openArchive(ref),
        TE.mapLeft((error) => ({ ...error, path: '/spool-marker' })),
      ),
  })),
  mutant('throws during an outage', [broken['outage']!], (source) => ({
    describe: (ref) => async () => {
      const answer = await source.describe(ref)()
      if (answer._tag === 'Left') throw new Error('outage')
      return answer
    },
  })),
  mutant(
    'opens a file before it is asked for bytes',
    ['leaves no handle open, whether a stream is read to its end, left early or never begun'],
    (source) => ({
      openArchive: (ref) =>
        pipe(
          TE.fromTask(() => open('/dev/null', 'r').then((handle) => leaked.push(handle))),
          TE.flatMap(() => source.openArchive(ref)),
        ),
    }),
  ),
]
