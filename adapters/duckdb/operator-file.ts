import type { InvalidInput, Unavailable } from '../../domain/errors.js'
import { causeOf, invalidInput, unavailable } from '../../domain/errors.js'

/** What a file or folder the operator named cannot be used for: their mistake, or a disk that does not answer. */
export const unreadable = (where: string, caught: unknown): InvalidInput | Unavailable => {
  switch (causeOf(caught).code) {
    case 'ENOENT':
      return invalidInput(where, 'it does not exist', 'check the name')
    case 'ENOTDIR':
      return invalidInput(where, 'a part of its path is not a directory', 'check the name')
    case 'EISDIR':
      return invalidInput(where, 'it is a directory', 'put a file in its place')
    case 'EACCES':
    case 'EPERM':
      return invalidInput(where, 'it may not be read', 'grant this user read access')
    case 'ELOOP':
      return invalidInput(where, 'its symbolic links lead in a circle', 'correct the links')
    case 'ENAMETOOLONG':
    case 'ERR_INVALID_ARG_VALUE':
      return invalidInput('the cohort', 'its name is no possible file name', 'check the name')
    default:
      return unavailable('CohortReader', caught)
  }
}
