import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import { ContainerModule } from 'inversify'
import { makeMemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import type { ProjectName } from '../../adapters/synthetic/projects.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import type { Application, EmbeddedSettings } from '../../composition/index.js'
import { createEmbeddedApplication, tokens } from '../../composition/index.js'
import { openConsole } from '../../composition/console.js'
import { readSettings } from '../../composition/settings.js'
import { describeError } from '../../domain/errors.js'
import { sensitive } from '../../domain/sensitive.js'
import type { ImageUploader } from '../../ports/image-uploader.js'
import { succeed } from '../contract/synthetic.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'

const childFile = fileURLToPath(new URL('embedded-child.ts', import.meta.url))

describe('embedded application', function () {
  this.timeout(180_000)
  let home: string
  let hospital: SyntheticHospital
  /** A state directory with an empty database: making one takes seconds. */
  let made: string
  let count = 0
  const opened: Array<Application> = []

  before(async () => {
    home = await temporaryDirectory()
    hospital = await makeSyntheticHospital(join(home, 'hospital'))
    made = join(home, 'made')
    await (await succeed(createEmbeddedApplication({ stateDirectory: made }))).close()
  })
  afterEach(async () => {
    for (const application of opened.splice(0)) await application.close()
  })
  after(removeTemporaryDirectories)

  const freshState = async (): Promise<string> => {
    const stateDirectory = join(home, `state-${(count += 1)}`)
    await cp(made, stateDirectory, { recursive: true })
    return stateDirectory
  }
  const open = async (settings: EmbeddedSettings, extra: ReadonlyArray<ContainerModule> = []): Promise<Application> => {
    const application = await succeed(createEmbeddedApplication(settings, extra))
    opened.push(application)
    return application
  }
  const close = async (application: Application): Promise<void> => {
    opened.splice(opened.indexOf(application), 1)
    await application.close()
  }
  /** The sentence an operator is told when it cannot start. */
  const refusal = async (settings: EmbeddedSettings): Promise<string> => {
    const result = await createEmbeddedApplication(settings)()
    if (E.isRight(result)) {
      opened.push(result.right)
      throw new Error('expected a refusal')
    }
    return describeError(result.left)
  }

  it('remembers where it delivers, and refuses another folder', async () => {
    const stateDirectory = await freshState()
    const out = join(home, 'remembered')
    await close(await open({ stateDirectory, out }))
    await symlink(out, join(home, 'another-name'))
    await close(await open({ stateDirectory, out: join(home, 'another-name') }))
    expect(await refusal({ stateDirectory, out: join(home, 'elsewhere') })).to.contain(out)
    expect(await refusal({ stateDirectory, images: home })).to.contain('inside')
    await close(await open({ stateDirectory }))
  })

  it('does not make the folder it has delivered to again when that is gone', async () => {
    const stateDirectory = await freshState()
    const out = join(home, 'moved')
    await close(await open({ stateDirectory, out }))
    await rm(out, { recursive: true })
    expect(await refusal({ stateDirectory, out })).to.contain('is gone')
    await mkdir(out)
    await close(await open({ stateDirectory, out }))
  })

  it('does not remember a folder it cannot write to', async () => {
    const stateDirectory = await freshState()
    await writeFile(join(home, 'file'), '')
    expect(await refusal({ stateDirectory, out: join(home, 'file') })).to.contain('cannot be written to')
    await close(await open({ stateDirectory, out: join(home, 'usable') }))
  })

  it('says so when what it remembers is damaged, rather than deliver elsewhere', async () => {
    for (const text of ['', 'null', '{"out": 1}', '{"out"']) {
      const stateDirectory = await freshState()
      await writeFile(join(stateDirectory, 'out.json'), text)
      expect(await refusal({ stateDirectory, out: join(home, 'other') }), text).to.contain('out.json: is damaged')
    }
  })

  it('refuses folders inside each other, through links too', async () => {
    const images = join(home, 'tree', 'images')
    await mkdir(join(images, 'deep'), { recursive: true })
    await symlink(images, join(home, 'link'))
    const stateDirectory = await freshState()
    for (const out of [images, join(images, 'deep', 'new'), join(home, 'link', 'deep'), join(home, 'tree')])
      expect(await refusal({ stateDirectory, images, out }), out).to.contain('inside each other')
    expect(await refusal({ stateDirectory, images: join(home, 'link'), out: join(home, 'tree') })).to.contain('inside')
    for (const state of [images, join(images, 'deep', 'state'), join(home, 'link', 'state')])
      expect(await refusal({ stateDirectory: state, images }), state).to.contain('inside the folder of images')
    expect(await readdir(images)).to.deep.equal(['deep'])
    // A name that begins like another is not inside it.
    await close(await open({ stateDirectory, images, out: `${images}-out` }))
  })

  it('refuses images that are no folder, and a state directory that is a file', async () => {
    const file = join(home, 'plain-file')
    await writeFile(file, '')
    for (const images of [file, join(home, 'missing')])
      expect(await refusal({ stateDirectory: await freshState(), images })).to.contain('is not a folder')
    expect(await refusal({ stateDirectory: file })).to.contain('a file is in the way')
    expect(await refusal({ stateDirectory: join(file, 'state') })).to.contain('not a folder')
  })

  it('refuses an empty installation key', async () => {
    const stateDirectory = await freshState()
    await writeFile(join(stateDirectory, 'secrets', 'pixl-installation-key'), '\n')
    expect(await refusal({ stateDirectory })).to.contain('the installation key is empty')
  })

  it('refuses a database that is damaged or of another version, and leaves it as it is', async () => {
    const stateDirectory = await freshState()
    const version = join(stateDirectory, 'database', 'PG_VERSION')
    await writeFile(version, '19\n')
    expect(await refusal({ stateDirectory })).to.contain('newer version')
    await writeFile(version, '')
    expect(await refusal({ stateDirectory })).to.contain('is damaged')
    await writeFile(version, '18\n')
    await writeFile(join(stateDirectory, 'database', 'global', 'pg_control'), 'garbage')
    expect(await refusal({ stateDirectory })).to.contain('is damaged')
    expect(await readFile(join(stateDirectory, 'database', 'global', 'pg_control'), 'utf8')).to.equal('garbage')
  })

  it('leaves nothing running: the process ends by itself, and the next one may work', async () => {
    const stateDirectory = await freshState()
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', childFile, stateDirectory], {
      timeout: 120_000,
    })
    expect(stdout).to.equal('closed')
    await close(await open({ stateDirectory }))
  })

  it('refuses a second one with a sentence, and answers its questions while it works', async () => {
    const stateDirectory = await freshState()
    const { images, projects, extract } = hospital
    const application = await open({ stateDirectory, images, projects, out: join(home, 'asked') })
    await succeed(application.enqueueExtract(extract, 1))
    const worker = await succeed(application.startWorker)
    const settings = readSettings({})
    if (E.isLeft(settings)) throw new Error('no settings')
    const console = await succeed(openConsole(settings.right, {})(stateDirectory))
    try {
      expect(await refusal({ stateDirectory })).to.contain(`is in use by process ${process.pid}`)
      const replayed = await console.replay({})()
      expect(E.isLeft(replayed) && describeError(replayed.left)).to.contain('is in use by process')
      await succeed(
        application.awaitSettled(
          () => undefined,
          () => false,
        ),
      )
      expect(await succeed(console.status)).to.deep.equal(await succeed(application.status))
      const [first] = await succeed(console.status)
      expect(first!.total).to.be.above(0)
      expect(await succeed(console.audit)).to.deep.equal(await succeed(application.audit))
      const [name] = (await readdir(join(home, 'asked', 'lung-nodules'))).filter((each) => each.endsWith('.zip'))
      const study = sensitive<'Identifier'>(name!.replace('.zip', ''))
      const stories = await succeed(console.explain(study))
      expect(stories).to.deep.equal(await succeed(application.explain(study)))
      expect(stories[0]!.events[0]!.at).to.be.instanceOf(Date)
    } finally {
      await console.close()
      await worker.close()
    }
  })

  it('keeps a state directory for its owner alone, whatever the umask', async () => {
    const stateDirectory = await freshState()
    // As an operator may have made it.
    await chmod(stateDirectory, 0o755)
    const before = process.umask(0)
    try {
      const { images, projects, extract } = hospital
      const application = await open({ stateDirectory, images, projects, out: join(home, 'open') })
      await succeed(application.enqueueExtract(extract, 1))
      const worker = await succeed(application.startWorker)
      await succeed(
        application.awaitSettled(
          () => undefined,
          () => false,
        ),
      )
      for (const name of await readdir(stateDirectory)) {
        const { mode } = await stat(join(stateDirectory, name))
        expect(mode & 0o077, `${name} may be entered or read by others`).to.equal(0)
      }
      await worker.close()
    } finally {
      process.umask(before)
    }
  })

  it('delivers to an uploader of a third party, named by a project', async () => {
    const projects = join(home, 'third-party')
    await cp(hospital.projects, projects, { recursive: true })
    for (const name of (await readdir(projects)).filter((each) => each.endsWith('.yaml'))) {
      const text = await readFile(join(projects, name), 'utf8')
      await writeFile(join(projects, name), text.replace(/dicom: (ftps|dicomweb)/, 'dicom: vault-of-ours'))
    }
    const objects = new Map<string, Uint8Array>()
    const vault = new ContainerModule(({ bind }) => {
      bind(tokens.ImageUploader)
        .toResolvedValue(
          (imageSource): ImageUploader => {
            const uploader = makeMemoryImageUploader(imageSource)
            const keep = (): void => uploader.objects.forEach((bytes, name) => objects.set(name, bytes))
            return {
              ...uploader,
              upload: (study, fence, confirm) =>
                pipe(
                  uploader.upload(study, fence, confirm),
                  TE.tapIO(() => keep),
                ),
            }
          },
          [tokens.ImageSource],
        )
        .inSingletonScope()
        .whenNamed('vault-of-ours')
    })
    const stateDirectory = await freshState()
    const application = await open({ stateDirectory, images: hospital.images, projects }, [vault])
    await succeed(application.enqueueExtract(hospital.extract, 1))
    const worker = await succeed(application.startWorker)
    await succeed(
      application.awaitSettled(
        () => undefined,
        () => false,
      ),
    )
    await worker.close()
    const counts = await succeed(application.status)
    for (const { project, states } of counts)
      expect(states.exported, project).to.equal(hospital.expected.extract[project as ProjectName]!.exported)
    const exported = counts.reduce((sum, { states }) => sum + states.exported, 0)
    expect([...objects.keys()].filter((name) => name.endsWith('.zip'))).to.have.length(exported)
  })

  it('refuses projects whose destination it does not have, when no output folder is given', async () => {
    const stateDirectory = await freshState()
    const { images, projects, extract } = hospital
    const application = await open({ stateDirectory, images, projects })
    const enqueued = await application.enqueueExtract(extract, 1)()
    if (E.isRight(enqueued)) throw new Error('expected a refusal')
    expect(describeError(enqueued.left)).to.match(/No uploader is registered for destination (ftps|dicomweb)/)
    expect(await succeed(application.status)).to.deep.equal([])
  })
})
