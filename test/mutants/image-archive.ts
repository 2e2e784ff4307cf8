import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { inspect } from 'node:util'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryImageArchive } from '../../adapters/memory/image-archive.js'
import { sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { ImageArchiveHarness } from '../contract/image-archive.js'
import { startMemoryArchive } from '../support/archives.js'
import type { Mutant } from './mutants.js'

/** What a mutant opened; closed with its harness. */
const leaked: Array<FileHandle> = []

type Retrieve = ImageArchive['retrieve']

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  spoil: (archive: MemoryImageArchive) => Partial<ImageArchive>,
): Mutant<ImageArchiveHarness> => ({
  title,
  breaks,
  start: async () => ({
    ...(await startMemoryArchive((archive) => ({ ...archive, ...spoil(archive) }))),
    close: async () => {
      for (const handle of leaked.splice(0)) await handle.close()
    },
  }),
})

/** Changes what is asked for. */
const asking =
  (change: (request: StudyRequest) => StudyRequest) =>
  (archive: MemoryImageArchive): Partial<ImageArchive> => ({
    retrieve: (name, request) => archive.retrieve(name, change(request)),
  })

/** Answers otherwise where the honest archive fails with a tag. */
const instead =
  (tag: string, answer: (archive: MemoryImageArchive, ...of: Parameters<Retrieve>) => ReturnType<Retrieve>) =>
  (archive: MemoryImageArchive): Partial<ImageArchive> => ({
    retrieve: (name, request) =>
      pipe(
        archive.retrieve(name, request),
        TE.orElse((error) => (error._tag === tag ? answer(archive, name, request) : TE.left(error))),
      ),
  })
const trimmed = (request: StudyRequest): StudyRequest => ({
  ...request,
  mrn: sensitiveOrNull(request.mrn?.reveal()),
  accessionNumber: sensitiveOrNull(request.accessionNumber?.reveal()),
})
const withoutMrn = (request: StudyRequest): StudyRequest => ({ ...request, mrn: null })
const everything = TE.right({
  _tag: 'RawStudyRef' as const,
  studyInstanceUid: sensitive<'StudyInstanceUid'>(''),
  files: [],
})

/** Archives that break one promise each. */
export const mutants: ReadonlyArray<Mutant<ImageArchiveHarness>> = [
  mutant('asks when the task is built', ['asks nothing until the task is run'], (archive) => ({
    retrieve: (name, request) => {
      const answer = archive.retrieve(name, request)()
      return () => answer
    },
  })),
  mutant(
    'loses the last file',
    [
      'finds a study by StudyInstanceUID, with all its instances and no other',
      'serves several requests at once without mixing them',
      'returns an instance once that it holds twice',
      'returns all instances whatever series are asked for, each time anew',
    ],
    (archive) => ({
      retrieve: (name, request) =>
        pipe(
          archive.retrieve(name, request),
          TE.map((raw) => ({ ...raw, files: raw.files.slice(0, -1) })),
        ),
    }),
  ),
  mutant(
    'ignores the AccessionNumber',
    ['finds a study by MRN and AccessionNumber, both exactly', 'takes wildcards for plain characters'],
    (archive) => ({
      retrieve: (name, request) =>
        request.accessionNumber?.reveal() === '%'
          ? everything
          : archive.retrieve(name, { ...request, accessionNumber: null }),
    }),
  ),
  mutant(
    'looks no further than the StudyInstanceUID',
    ['falls back to MRN and AccessionNumber when the StudyInstanceUID finds nothing'],
    asking((request) =>
      request.studyInstanceUid === null ? request : { ...request, accessionNumber: null, mrn: sensitive('nobody') },
    ),
  ),
  mutant(
    'takes an MRN for a study',
    ['never takes another study of the patient for one whose StudyInstanceUID finds nothing'],
    instead('StudyNotInArchive', (archive, name, request) =>
      archive.retrieve(name, { ...request, studyInstanceUid: null, accessionNumber: null }),
    ),
  ),
  mutant(
    'wants both MRN and AccessionNumber',
    ['finds a study by the one of MRN and AccessionNumber that is given'],
    asking((request) => ({
      ...request,
      mrn: request.mrn ?? sensitive(' -'),
      accessionNumber: request.accessionNumber ?? sensitive('-'),
    })),
  ),
  mutant('compares with the spaces', ['ignores white space around the identifiers of a request'], (archive) => ({
    retrieve: (name, request) =>
      request.mrn?.reveal().endsWith(' ') === true
        ? TE.left({ _tag: 'StudyNotInArchive', archive: name })
        : archive.retrieve(name, trimmed(request)),
  })),
  mutant(
    'takes no identifier for any study',
    ['never takes a study without MRN or AccessionNumber for the one of a request that gives neither'],
    (archive) => ({
      retrieve: (name, request) =>
        request.mrn === null && request.accessionNumber === null && request.studyInstanceUid === null
          ? everything
          : archive.retrieve(name, request),
    }),
  ),
  mutant(
    'takes any of several matches',
    ['says how many studies match when several do', 'names no identifier in any error'],
    instead('SeveralMatches', () => everything),
  ),
  mutant(
    'does not look whose study it is',
    [
      'refuses a study that belongs to another patient than the request names',
      'refuses a study of which one instance belongs to another patient',
    ],
    instead('IdentityMismatch', (archive, name, request) => archive.retrieve(name, withoutMrn(request))),
  ),
  mutant(
    'asks the primary archive for everything',
    ['says of which archive a study is absent, and keeps archives apart'],
    (archive) => ({ retrieve: (_, request) => archive.retrieve('primary', request) }),
  ),
  mutant(
    'takes either of two conflicting instances',
    ['refuses a study with two different instances of one UID'],
    instead('UnreadableStudy', () => everything),
  ),
  mutant('calls itself out of reach', ['answers a probe while it works', 'leaves no handle open'], () => ({
    probe: () => TE.left({ _tag: 'Unavailable', port: 'ImageArchive', cause: { name: 'Outage' } }),
  })),
  mutant(
    'calls an outage an absent study',
    ['tells an outage from an absent study, and calls it transient'],
    instead('Unavailable', (_, archive) => TE.left({ _tag: 'StudyNotInArchive', archive })),
  ),
  mutant('answers probes during an outage', ['tells an outage from an absent study, and calls it transient'], () => ({
    probe: () => TE.right(undefined),
  })),
  mutant('throws during an outage', ['tells an outage from an absent study, and calls it transient'], (archive) => ({
    retrieve: (name, request) => async () => {
      const answer = await archive.retrieve(name, request)()
      if (answer._tag === 'Left' && answer.left._tag === 'Unavailable') throw new Error('outage')
      return answer
    },
  })),
  mutant('keeps the request in its errors', ['names no identifier in any error'], (archive) => ({
    retrieve: (name, request) =>
      pipe(
        archive.retrieve(name, request),
        TE.mapLeft((error) => ({ ...error, detail: inspect([request.mrn?.reveal()]) })),
      ),
  })),
  mutant('never closes a file', ['leaves no handle open'], (archive) => ({
    retrieve: (name, request) =>
      pipe(
        TE.fromTask(() => open('/dev/null', 'r').then((handle) => leaked.push(handle))),
        TE.flatMap(() => archive.retrieve(name, request)),
      ),
  })),
]
