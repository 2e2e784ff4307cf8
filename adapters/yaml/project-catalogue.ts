import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type * as t from 'io-ts'
import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { InvalidInput, Unavailable, UnknownProject } from '../../domain/errors.js'
import { invalidInput, unavailable } from '../../domain/errors.js'
import type { DestinationName } from '../../domain/identifiers.js'
import { ProjectSlug } from '../../domain/identifiers.js'
import { validateProjectConfig } from '../../domain/project-codec.js'
import type { Project, ProjectConfig } from '../../domain/project.js'
import { validateManufacturerOverrides, validateTagOperations } from '../../domain/tags-codec.js'
import { mergeOperations } from '../../domain/tags.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'
import type { Problem, YamlFile } from './yaml-file.js'
import { asInvalidInput, locate, parseYaml } from './yaml-file.js'

/** What the catalogue reads, and what it lets a project name. */
export interface YamlProjectCatalogueOptions {
  /** The folder with `<slug>.yaml`, `tag-operations/` (with `manufacturer-overrides/`) and `image-operations/`. */
  readonly directory: string
  /** Whether a project may name that destination; another is an error of its file. */
  readonly isKnownDestination: (name: DestinationName) => boolean
}

const maxFileBytes = 1024 * 1024
const extensions = ['.yaml', '.yml'] as const
const tagFolder = 'tag-operations'
const overrideFolder = join(tagFolder, 'manufacturer-overrides')
const recipeFolder = 'image-operations'

const isMissing = (caught: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(String((caught as { code?: unknown } | null)?.code))

const missingAsNull = (caught: unknown): null => {
  if (isMissing(caught)) return null
  throw caught
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(missingAsNull))?.isFile() ?? false

/** The text of a small file; null when there is none. */
const readText = async (path: string): Promise<E.Either<InvalidInput, string> | null> => {
  // Without O_NONBLOCK a named pipe in place of the file would hang.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(missingAsNull)
  if (file === null) return null
  try {
    const info = await file.stat()
    if (!info.isFile()) return E.left(invalidInput(path, 'is not a regular file', 'put a YAML file in its place'))
    if (info.size > maxFileBytes)
      return E.left(invalidInput(path, 'is larger than 1 MiB', 'a configuration file is small: is it the right file?'))
    const bytes = await file.readFile()
    return E.tryCatch(
      () => new TextDecoder('utf-8', { fatal: true }).decode(bytes),
      () => invalidInput(path, 'is not UTF-8 text', 'save it as UTF-8'),
    )
  } finally {
    await file.close()
  }
}

const missingFile = (path: string): InvalidInput =>
  invalidInput(path, 'does not exist', 'create it, or correct the name in the project file')

/** Reads, parses and decodes one file; also gives the parsed file, for problems found later. */
const readYaml = async <A>(
  path: string,
  validate: (value: unknown) => t.Validation<A>,
): Promise<E.Either<InvalidInput, { readonly file: YamlFile; readonly value: A }>> => {
  const text = await readText(path)
  if (text === null) return E.left(missingFile(path))
  return pipe(
    text,
    E.flatMap((content) =>
      E.mapLeft((problems: ReadonlyArray<Problem>) => asInvalidInput(path, problems))(parseYaml(content)),
    ),
    E.flatMap((file) =>
      pipe(
        validate(file.value),
        E.bimap(
          (errors) => asInvalidInput(path, locate(file, errors)),
          (value) => ({ file, value }),
        ),
      ),
    ),
  )
}

const readAll = async <A>(
  paths: ReadonlyArray<string>,
  validate: (value: unknown) => t.Validation<A>,
): Promise<E.Either<InvalidInput, ReadonlyArray<A>>> => {
  const values: Array<A> = []
  for (const path of paths) {
    const read = await readYaml(path, validate)
    if (E.isLeft(read)) return read
    values.push(read.right.value)
  }
  return E.right(values)
}

const destinationProblems = (
  file: YamlFile,
  config: ProjectConfig,
  isKnown: YamlProjectCatalogueOptions['isKnownDestination'],
): ReadonlyArray<Problem> => {
  const path = ['destination', 'dicom']
  const isList = Array.isArray((file.value as { destination: { dicom: unknown } }).destination.dicom)
  return config.destination.dicom.flatMap((name, i) =>
    isKnown(name)
      ? []
      : {
          line: file.lineOf(isList ? [...path, String(i)] : path),
          text: `destination.dicom${isList ? `[${i}]` : ''}: expected a destination that has an uploader, or none`,
        },
  )
}

const fileProblems = async (
  directory: string,
  folder: string,
  names: ReadonlyArray<string>,
  file: YamlFile,
  path: readonly [string, string],
): Promise<ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  for (const [i, name] of names.entries()) {
    if (!(await isFile(join(directory, folder, name))))
      problems.push({
        line: file.lineOf([...path, String(i)]),
        text: `${path.join('.')}[${i}]: expected the name of a file in ${folder}`,
      })
  }
  return problems
}

const checkDirectory = async (directory: string): Promise<InvalidInput | null> => {
  const found = await stat(directory).catch(missingAsNull)
  if (found?.isDirectory() === true) return null
  const what = found === null ? 'does not exist' : 'is not a folder'
  return invalidInput(directory, what, 'name the folder that holds the project files')
}

const findProject = async (
  { directory, isKnownDestination }: YamlProjectCatalogueOptions,
  project: ProjectSlug,
): Promise<E.Either<UnknownProject | InvalidInput, Project>> => {
  const wrongDirectory = await checkDirectory(directory)
  if (wrongDirectory !== null) return E.left(wrongDirectory)

  const candidates = extensions.map((extension) => join(directory, `${project}${extension}`))
  const present: Array<string> = []
  for (const path of candidates) if ((await stat(path).catch(missingAsNull)) !== null) present.push(path)
  const path = present[0]
  if (path === undefined) return E.left({ _tag: 'UnknownProject', project })
  if (present.length > 1)
    return E.left(invalidInput(path, 'is there beside a file of the same name ending in .yml', 'remove one of the two'))

  const read = await readYaml(path, validateProjectConfig)
  if (E.isLeft(read)) return read
  const { file, value: config } = read.right
  const { base, manufacturerOverrides } = config.tagOperationFiles
  const problems: ReadonlyArray<Problem> = [
    ...(config.project.name === project
      ? []
      : [{ line: file.lineOf(['project', 'name']), text: 'project.name: expected the name of the file' }]),
    ...(await fileProblems(directory, tagFolder, base, file, ['tag_operation_files', 'base'])),
    ...(await fileProblems(directory, overrideFolder, manufacturerOverrides, file, [
      'tag_operation_files',
      'manufacturer_overrides',
    ])),
    ...(await fileProblems(directory, recipeFolder, config.imageOperationFiles.deidRecipes, file, [
      'image_operation_files',
      'deid_recipes',
    ])),
    ...destinationProblems(file, config, isKnownDestination),
  ]
  if (problems.length > 0) return E.left(asInvalidInput(path, problems))

  const inFolder = (folder: string, names: ReadonlyArray<string>) => names.map((name) => join(directory, folder, name))
  const operations = await readAll(inFolder(tagFolder, base), validateTagOperations)
  if (E.isLeft(operations)) return operations
  const overrides = await readAll(inFolder(overrideFolder, manufacturerOverrides), validateManufacturerOverrides)
  if (E.isLeft(overrides)) return overrides
  return E.right({ config, scheme: { base: mergeOperations(...operations.right), overrides: overrides.right.flat() } })
}

const listProjects = async (directory: string): Promise<E.Either<InvalidInput, ReadonlyArray<ProjectSlug>>> => {
  const wrongDirectory = await checkDirectory(directory)
  if (wrongDirectory !== null) return E.left(wrongDirectory)
  const slugs = (await readdir(directory)).flatMap((name) => {
    const extension = extensions.find((ending) => name.endsWith(ending))
    return extension === undefined ? [] : [name.slice(0, -extension.length)]
  })
  return E.right([...new Set(slugs.filter(ProjectSlug.is))].sort())
}

/**
 * Makes the catalogue of a folder of project files. Files are read anew at every `find`, so that a correction holds from
 * the next study on. YAML files whose names are not project slugs are not projects.
 */
export const makeYamlProjectCatalogue = (options: YamlProjectCatalogueOptions): ProjectCatalogue => {
  const attempt = <E2, A>(work: () => Promise<E.Either<E2, A>>): TE.TaskEither<E2 | Unavailable, A> =>
    pipe(
      TE.tryCatch(work, (caught) => unavailable('ProjectCatalogue', caught)),
      TE.flatMap((answer) => TE.fromEither(answer)),
    )
  return {
    find: (project) => attempt(() => findProject(options, project)),
    list: attempt(() => listProjects(options.directory)),
  }
}
