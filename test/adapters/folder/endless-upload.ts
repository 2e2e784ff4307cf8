import * as TE from 'fp-ts/lib/TaskEither.js'
import { makeFolderImageUploader } from '../../../adapters/folder/image-uploader.js'
import type { DeidentifiedStudy } from '../../../domain/study.js'
import type { ImageSource } from '../../../ports/image-source.js'
import { makeUploadSource } from '../../support/uploaders.js'

/** A process to be killed: uploads a study that never ends to the folder of its first argument, with fence 1. */
const [, , out, study] = process.argv
const imageSource: ImageSource = {
  ...makeUploadSource().imageSource,
  openArchive: () =>
    TE.right(
      (async function* () {
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          yield Buffer.alloc(1_048_576)
        }
      })(),
    ),
}
await makeFolderImageUploader({ out: out!, imageSource }).upload(
  JSON.parse(study!) as DeidentifiedStudy,
  1,
  TE.right(undefined),
)()
