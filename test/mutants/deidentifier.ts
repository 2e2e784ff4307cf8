import * as TE from 'fp-ts/lib/TaskEither.js'
import type { DeidentifiedStore, StoredInstance } from '../../adapters/memory/deidentified-store.js'
import { unavailable } from '../../domain/errors.js'
import type { DeidentifiedStudy } from '../../domain/study.js'
import type { Deidentification, Deidentifier } from '../../ports/deidentifier.js'
import type { DeidentifierHarness } from '../contract/deidentifier.js'
import type { Change } from '../support/memory-deidentifier.js'
import { startMemoryHarness } from '../support/memory-deidentifier.js'
import type { Mutant } from './mutants.js'

const mutant = (title: string, breaks: ReadonlyArray<string>, change: Change): Mutant<DeidentifierHarness> => ({
  title,
  breaks,
  start: () => startMemoryHarness(change),
})

type Run = Deidentifier['deidentify']

const changing = (how: (run: Run, store: DeidentifiedStore) => Run): Change => ({
  deidentifier: ({ deidentify }, store) => ({ deidentify: how(deidentify, store) }),
})

/** Puts studies into the store in another form than the honest one. */
const putting = (
  change: (study: DeidentifiedStudy, instances: ReadonlyArray<StoredInstance>) => Parameters<DeidentifiedStore['put']>,
): Change => ({ store: (honest) => ({ ...honest, put: (...args) => honest.put(...change(...args)) }) })

const answering = (change: (answer: Deidentification) => Deidentification): Change =>
  changing(
    (run) =>
      (...args) =>
        TE.map(change)(run(...args)),
  )

/** Lets every instance through that its own facts do not stop, whatever the series rules of the project say. */
const without = (minInstancesPerSeries: number): Change =>
  changing(
    (run) => (raw, pseudonyms, project, requested, fence) =>
      run(raw, pseudonyms, { ...project, config: { ...project.config, minInstancesPerSeries } }, requested, fence),
  )

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
let runs = 0

/** De-identifiers that each break one promise. */
export const mutants: ReadonlyArray<Mutant<DeidentifierHarness>> = [
  mutant(
    'runs when the task is built',
    ['does nothing until the task is run'],
    changing((run) => (...args) => {
      const early = run(...args)()
      return () => early
    }),
  ),
  mutant(
    'forgets an instance',
    ['writes what may leave, each instance under its pseudonyms'],
    putting((study, instances) => [study, instances.slice(1)]),
  ),
  mutant(
    'counts instances as series',
    ['writes what may leave, each instance under its pseudonyms'],
    putting((study, instances) => [{ ...study, seriesCount: instances.length }, instances]),
  ),
  mutant(
    'decodes pixels',
    ['leaves the pixels as they were'],
    putting((study, instances) => [study, instances.map((one) => ({ ...one, bytes: one.bytes.map((b) => b & 0x7f) }))]),
  ),
  mutant(
    'writes every claim to one place',
    ['names the reference by project, pseudonym and a location that differs between claims'],
    changing((run) => (raw, pseudonyms, project, requested) => run(raw, pseudonyms, project, requested, 0)),
  ),
  mutant(
    'does not count',
    [
      'counts what is left out by reason',
      'skips a study of which nothing may leave, for its most frequent reason, and writes nothing',
      'writes only the series that were requested',
      'counts the instances of a series after its own have been left out',
    ],
    answering((answer) => ({ ...answer, leftOut: {} })),
  ),
  mutant(
    'gives the first reason that comes to mind',
    ['skips a study of which nothing may leave, for its most frequent reason, and writes nothing'],
    answering((answer) => (answer._tag === 'Skipped' ? { ...answer, reason: 'TooFewInstances' } : answer)),
  ),
  mutant(
    'writes the whole study whatever was requested',
    ['writes only the series that were requested'],
    changing((run) => (raw, pseudonyms, project, _requested, fence) => run(raw, pseudonyms, project, [], fence)),
  ),
  mutant(
    'lets small series through',
    ['counts what is left out by reason', 'counts the instances of a series after its own have been left out'],
    without(1),
  ),
  mutant(
    'keeps the original names',
    ['lets no original identifier leave, in bytes or in names'],
    changing(
      (run) =>
        (raw, pseudonyms, ...rest) =>
          run(raw, { ...pseudonyms, pseudoUid: (uid) => uid }, ...rest),
    ),
  ),
  mutant(
    'copies the accession number',
    ['lets no original identifier leave, in bytes or in names'],
    putting((study, instances) => [
      study,
      instances.map((one) => ({ ...one, bytes: Buffer.concat([one.bytes, bytes('ZZLEAK-acc-1')]) })),
    ]),
  ),
  mutant(
    'stamps what it writes',
    ['gives the same bytes when it is run again'],
    putting((study, instances) => [
      study,
      instances.map((one) => ({ ...one, bytes: Buffer.concat([one.bytes, bytes(`run ${++runs}`)]) })),
    ]),
  ),
  mutant('removes the work of other claims', ['does not disturb a run of another claim on the same study'], {
    store: (honest) => ({
      ...honest,
      put: (study, instances) => {
        for (const other of honest.all()) honest.remove(other.study.ref)
        honest.put(study, instances)
      },
    }),
  }),
  mutant(
    'leaves what an earlier run of the claim wrote',
    ['refuses a damaged instance and leaves nothing, not even of an earlier run of the claim'],
    { store: (honest) => ({ ...honest, remove: () => undefined }) },
  ),
  mutant(
    'calls damage an outage',
    ['refuses a damaged instance and leaves nothing, not even of an earlier run of the claim'],
    changing(
      (run) =>
        (...args) =>
          TE.mapLeft(() => unavailable('Deidentifier', {}))(run(...args)),
    ),
  ),
  mutant(
    'calls an outage damage',
    ['is unavailable, for now, when an instance cannot be read, and leaves nothing'],
    changing(
      (run) =>
        (...args) =>
          TE.mapLeft(() => ({ _tag: 'UnreadableStudy', problem: 'gone' }) as const)(run(...args)),
    ),
  ),
  mutant(
    'takes errors for an empty study',
    [
      'refuses instances of another study',
      'refuses two files of the same instance',
      'never rejects and tells no identifier in an error',
    ],
    changing(
      (run) =>
        (...args) =>
          TE.orElse(() => TE.right({ _tag: 'Skipped', reason: 'TooFewInstances', leftOut: {} } as Deidentification))(
            run(...args),
          ),
    ),
  ),
  mutant(
    'names the file in its error',
    ['never rejects and tells no identifier in an error'],
    changing(
      (run) =>
        (raw, ...args) =>
          TE.mapLeft(() => ({ _tag: 'UnreadableStudy', problem: raw.files[0]!.reveal() }) as const)(run(raw, ...args)),
    ),
  ),
  mutant(
    'rejects',
    ['never rejects and tells no identifier in an error'],
    changing((run) => (...args) => async () => {
      const answer = await run(...args)()
      if (answer._tag === 'Left') throw new Error('rejected')
      return answer
    }),
  ),
]
