import { makeDeidentifiedStore } from '../../adapters/memory/deidentified-store.js'
import type { MemoryImageSource } from '../../adapters/memory/image-source.js'
import { makeMemoryImageSource } from '../../adapters/memory/image-source.js'
import type { MemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import { makeMemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader } from '../../ports/image-uploader.js'
import type { ImageSourceHarness } from '../contract/image-source.js'
import type { SyntheticStudy } from '../contract/image-studies.js'
import { asStored, entriesOf, syntheticStudy } from '../contract/image-studies.js'
import type { ImageUploaderHarness, SentStudy } from '../contract/image-uploader.js'

const sent = ({ study, instances }: SyntheticStudy): SentStudy => ({ study, sent: asStored(instances) })

/** What any harness of an uploader needs on the side of the source: two studies in memory that can be spoilt. */
export interface UploadSource extends Pick<
  ImageUploaderHarness,
  'first' | 'second' | 'changeFirst' | 'loseFirst' | 'cutSource'
> {
  readonly imageSource: MemoryImageSource
}

export const makeUploadSource = (): UploadSource => {
  const store = makeDeidentifiedStore()
  const imageSource = makeMemoryImageSource(store)
  const put = (study: SyntheticStudy): SentStudy => {
    store.put(study.study, study.instances)
    return sent(study)
  }
  return {
    imageSource,
    first: put(syntheticStudy(1)),
    second: put(syntheticStudy(2)),
    changeFirst: () => Promise.resolve(put(syntheticStudy(1, 2))),
    loseFirst: () => Promise.resolve(store.remove(syntheticStudy(1).study.ref)),
    cutSource: imageSource.setCut,
  }
}

/** The in-memory uploader as the contract wants it, possibly broken on purpose. */
export const startMemoryUploader = (
  spoil: (uploader: MemoryImageUploader, source: ImageSource) => ImageUploader = (uploader) => uploader,
): Promise<ImageUploaderHarness> => {
  const { imageSource, ...source } = makeUploadSource()
  const uploader = makeMemoryImageUploader(imageSource)
  const nameOf = (study: SentStudy['study']): string => `${study.project}/${study.pseudoStudyUid}.zip`
  const setMode = (mode: Parameters<MemoryImageUploader['setMode']>[0]) => () => Promise.resolve(uploader.setMode(mode))
  return Promise.resolve({
    ...source,
    uploader: spoil(uploader, imageSource),
    received: (study) =>
      Promise.resolve(asStored(entriesOf(Buffer.from(uploader.objects.get(nameOf(study)) ?? emptyZip)))),
    visible: () => Promise.resolve([...uploader.objects.keys()].filter((name) => name.endsWith('.zip'))),
    damage: (study) => Promise.resolve(void uploader.objects.set(nameOf(study), Buffer.from('half a z'))),
    plantLeftover: (study, fence) => {
      const name = `${study.project}/.${study.pseudoStudyUid}.${fence}.part`
      uploader.objects.set(name, Buffer.from('half a zip'))
      return Promise.resolve(name)
    },
    takePart: setMode('losing'),
    fill: setMode('full'),
    breakLogin: setMode('refusing'),
    stop: setMode('out'),
    markers: ['password-marker'],
    close: () => Promise.resolve(),
  })
}

/** A zip without entries: an end record and nothing before it. */
export const emptyZip = Buffer.concat([Buffer.from('PK\u0005\u0006'), Buffer.alloc(18)])

/** The in-memory source as the contract wants it, possibly broken on purpose. */
export const startMemorySource = (
  spoil: (source: MemoryImageSource) => ImageSource = (source) => source,
): Promise<ImageSourceHarness> => {
  const store = makeDeidentifiedStore()
  const source = makeMemoryImageSource(store)
  const first = syntheticStudy(1)
  const second = syntheticStudy(2)
  for (const { study, instances } of [first, second]) store.put(study, instances)
  return Promise.resolve({
    source: spoil(source),
    first,
    second,
    loseInstance: (ref) => {
      const { study, instances } = store.get(ref)!
      return Promise.resolve(store.put(study, instances.slice(1)))
    },
    breakStreams: (ref) => Promise.resolve(store.remove(ref)),
    stop: () => Promise.resolve(source.setOutage(true)),
    markers: ['spool-marker'],
    close: () => Promise.resolve(),
  })
}
