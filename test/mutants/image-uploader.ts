import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import type { UploadError } from '../../domain/errors.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader, UploadOutcome } from '../../ports/image-uploader.js'
import { readAll } from '../contract/image-studies.js'
import type { ImageUploaderHarness } from '../contract/image-uploader.js'
import { startMemoryUploader } from '../support/uploaders.js'
import type { Mutant } from './mutants.js'

type Upload = ImageUploader['upload']
type Study = Parameters<Upload>[0]

/** What a mutant opened; closed with its harness. */
const leaked: Array<FileHandle> = []

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  spoil: (uploader: MemoryImageUploader, source: ImageSource) => Partial<ImageUploader>,
): Mutant<ImageUploaderHarness> => ({
  title,
  breaks,
  start: async () => ({
    ...(await startMemoryUploader((uploader, source) => ({ ...uploader, ...spoil(uploader, source) }))),
    close: async () => {
      for (const handle of leaked.splice(0)) await handle.close()
    },
  }),
})

const nameOf = (study: { project: string; pseudoStudyUid: string }): string =>
  `${study.project}/${study.pseudoStudyUid}.zip`
const partOf = (study: Study, fence: number): string => `${study.project}/.${study.pseudoStudyUid}.${fence}.part`
const success = (study: Study): UploadOutcome => ({
  _tag: 'stored',
  object: { remoteName: nameOf(study), bytes: 1, sha256: 'x' },
})
/** Answers otherwise where the honest uploader fails with a reason. */
const instead =
  (reason: string, answer: (study: Study) => ReturnType<Upload>) =>
  (uploader: MemoryImageUploader): Partial<ImageUploader> => ({
    upload: (study, fence, confirm) =>
      pipe(
        uploader.upload(study, fence, confirm),
        TE.orElse((error) =>
          error._tag === reason || (error._tag === 'UploadRejected' && error.reason === reason)
            ? answer(study)
            : TE.left(error),
        ),
      ),
  })
const outage = TE.left<UploadError>({ _tag: 'Unavailable', port: 'ImageUploader', cause: { name: 'Error' } })
/** Runs a step before each upload, or after each successful one. */
const before =
  (step: (uploader: MemoryImageUploader, study: Study, fence: number, source: ImageSource) => unknown) =>
  (uploader: MemoryImageUploader, source: ImageSource): Partial<ImageUploader> => ({
    upload: (study, fence, confirm) => async () => {
      await step(uploader, study, fence, source)
      return uploader.upload(study, fence, confirm)()
    },
  })
const after =
  (step: (uploader: MemoryImageUploader, study: Study, fence: number) => unknown) =>
  (uploader: MemoryImageUploader): Partial<ImageUploader> => ({
    upload: (study, fence, confirm) =>
      pipe(
        uploader.upload(study, fence, confirm),
        TE.tapIO(() => () => void step(uploader, study, fence)),
      ),
  })

/** Writes what comes straight under the final name. */
const writeInPlace = async (uploader: MemoryImageUploader, study: Study, source: ImageSource): Promise<void> => {
  const stream = await source.openArchive(study.ref)()
  if (stream._tag === 'Left') return
  uploader.objects.set(nameOf(study), Buffer.alloc(0))
  uploader.objects.set(nameOf(study), await readAll(stream.right))
}
const clauses = {
  idle: 'does nothing until the task is run',
  delivers: 'delivers every instance',
  twice: 'keeps one copy when the same study is uploaded twice',
  replaces: 'replaces a study whose content has changed, under the same name',
  parallel: 'does not mix studies that are uploaded at once',
  claims: 'shows one whole copy when two claims upload the same study at once',
  cut: 'is no success when the source throws or ends early',
  nothing: 'leaves nothing under the final name, nor a leftover, when the source breaks',
  kept: 'keeps what was there when the source breaks during a replacement',
  confirm: 'shows nothing before the confirmation, and nothing at all when it fails',
  older: 'removes leftovers of lower fences of the study before the confirmation, and no others',
  olderPresent: 'removes leftovers of lower fences when the study is there already',
  lists: 'lists leftovers of a project and nothing that is finished',
  part: 'is no success when the destination takes a part only',
  full: 'tells a full destination from an outage',
  login: 'tells a refused login from an outage',
  outage: 'calls a destination that does not answer unavailable, which is transient',
  lost: 'says so when the source no longer has the study',
  verify: 'tells a study that is present from one that is spoilt and one that is absent',
  repair: 'repairs a study that was spoilt at the destination',
  probe: 'answers a probe while it works, and shows nothing of it',
  secrets: 'names no secret and no place in errors and remote names',
  handles: 'leaves no handle open, also when an upload fails',
} as const

/** Uploaders that break one promise each. */
export const mutants: ReadonlyArray<Mutant<ImageUploaderHarness>> = [
  mutant('uploads when the task is built', [clauses.idle], (uploader) => ({
    upload: (study) => {
      uploader.objects.set(nameOf(study), Buffer.alloc(0))
      return outage
    },
  })),
  mutant('stores nothing', [clauses.delivers, clauses.parallel], () => ({
    upload: (study) => TE.right(success(study)),
  })),
  mutant(
    'gives each copy a name of its own',
    [clauses.twice],
    after(({ objects }, study, fence) => objects.set(`${nameOf(study)}.${fence}.zip`, Buffer.alloc(0))),
  ),
  mutant('keeps what is there', [clauses.replaces, clauses.repair], (uploader) => ({
    upload: (study, fence, confirm) => () =>
      uploader.objects.has(nameOf(study))
        ? Promise.resolve(E.right(success(study)))
        : uploader.upload(study, fence, confirm)(),
  })),
  mutant('mixes studies that come at once', [clauses.parallel], (uploader) => {
    let latest: Study | null = null
    return {
      upload: (study, fence, confirm) => async () => {
        latest = study
        await Promise.resolve()
        return uploader.upload({ ...study, ref: latest.ref }, fence, confirm)()
      },
    }
  }),
  mutant('fails when two claims meet, and spoils the copy', [clauses.claims], (uploader) => {
    let running = 0
    return {
      upload: (study, fence, confirm) => async () => {
        running += 1
        const answer = await uploader.upload(study, fence, confirm)()
        if (running > 1) uploader.objects.set(nameOf(study), Buffer.from('both'))
        return answer
      },
    }
  }),
  mutant(
    'takes any stream that came for a success',
    [clauses.cut],
    instead('Unavailable', (s) => TE.right(success(s))),
  ),
  mutant(
    'writes under the final name',
    [clauses.nothing, clauses.kept, clauses.confirm],
    before((uploader, study, _, source) => writeInPlace(uploader, study, source).catch(() => undefined)),
  ),
  mutant(
    'leaves its parts behind',
    [clauses.nothing, clauses.confirm],
    before(({ objects }, study, fence) => objects.set(partOf(study, fence), Buffer.alloc(0))),
  ),
  mutant('shows the study whatever the confirmation says', [clauses.confirm], (uploader) => ({
    upload: (study, fence, confirm) =>
      pipe(
        uploader.upload(study, fence, TE.right(undefined)),
        TE.tap(() => confirm),
      ),
  })),
  mutant('removes every leftover of the study', [clauses.older], (uploader) => ({
    upload: (study, _, confirm) => uploader.upload(study, 1_000, confirm),
  })),
  mutant('removes no leftover', [clauses.older, clauses.olderPresent], (uploader) => ({
    upload: (study, _, confirm) => uploader.upload(study, 0, confirm),
  })),
  mutant('lists what is finished', [clauses.lists], (uploader) => ({
    leftovers: () => TE.fromIO(() => [...uploader.objects.keys()]),
  })),
  mutant(
    'takes a part for the whole',
    [clauses.part],
    instead('partial', (study) => TE.right(success(study))),
  ),
  mutant(
    'calls a full disk an outage',
    [clauses.full],
    instead('quota', () => outage),
  ),
  mutant(
    'calls a refused login an outage',
    [clauses.login],
    instead('credentials', () => outage),
  ),
  mutant('calls an outage a conflict', [clauses.outage], (uploader) =>
    instead('Unavailable', ({ pseudoStudyUid }) =>
      TE.left({ _tag: 'UploadRejected', study: pseudoStudyUid, reason: 'conflict' }),
    )(uploader),
  ),
  mutant('throws during an outage', [clauses.outage], (uploader) => ({
    probe: async () => {
      const answer = await uploader.probe()
      if (answer._tag === 'Left') throw new Error('outage')
      return answer
    },
  })),
  mutant(
    'calls a lost study an outage',
    [clauses.lost],
    instead('StudyNotFound', () => outage),
  ),
  mutant('verifies by name only', [clauses.verify], (uploader) => ({
    verify: (study) => TE.fromIO(() => (uploader.objects.has(nameOf(study)) ? 'present' : 'absent')),
  })),
  mutant('leaves its probe behind', [clauses.probe], (uploader) => ({
    probe: TE.fromIO(() => void uploader.objects.set('probe.zip', Buffer.alloc(0))),
  })),
  mutant('keeps the password in its errors', [clauses.secrets], (uploader) => ({
    upload: (study, fence, confirm) =>
      pipe(
        uploader.upload(study, fence, confirm),
        TE.mapLeft((error) => ({ ...error, login: 'password-marker' })),
      ),
  })),
  mutant(
    'never closes a file',
    [clauses.handles],
    before(async () => leaked.push(await open('/dev/null', 'r'))),
  ),
]
