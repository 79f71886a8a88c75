import { ADMIN_ACCESS_KEY_ID, LOCAL_ACCESS_KEY_ID, secretAccessKey } from '../../storage/access/signing-key.ts';
import { digestOf } from '../../storage/access/digest.ts';
import { keyId } from '../../storage/access/key-text.ts';
import type { AccessConfig } from '../../storage/runtime/access-config.ts';
import { ACCESS_TOKEN_HEADER } from '../access/access-jwt.ts';
import { readCredentials } from '../access/credentials.ts';
import { S3_MOUNT } from '../s3/object-path.ts';

/** Properties by the names that Iceberg's clients know. */
export type ClientProperties = Readonly<Record<string, string>>;

/** How clients reach the objects of tables, and with what. */
export class ClientConfig {
  readonly #endpoint: string | undefined;
  readonly #access: AccessConfig;

  /** `endpoint` is another S3 endpoint of the same bucket, R2's own for example, to which clients bring credentials of their own. */
  constructor(endpoint: string | undefined, access: AccessConfig) {
    this.#endpoint = endpoint;
    this.#access = access;
  }

  /** Where objects are. */
  location(request: Request): ClientProperties {
    return {
      's3.endpoint': this.#endpoint ?? new URL(request.url).origin + S3_MOUNT,
      's3.path-style-access': 'true',
      's3.region': 'auto',
      'client.region': 'auto',
    };
  }

  /**
   * What a client that asks for credentials gets, with where they count: the S3 form of the very key that it has sent, so that it has nothing to
   * configure twice. `undefined` where the objects are behind an endpoint that does not know our keys, or the request had no key.
   */
  async vended(request: Request): Promise<ClientProperties | undefined> {
    if (this.#endpoint !== undefined) return undefined;
    const secret = this.#access.isOpenOnLoopback ? credentialsOrNone(request.headers) : readCredentials(request.headers)?.secret;
    const isAccessSession = this.#access.cloudflareAccess !== undefined && request.headers.has(ACCESS_TOKEN_HEADER);
    if (secret === undefined && (isAccessSession || !this.#access.isOpenOnLoopback)) return undefined;
    // Where nobody needs a key, S3 clients still want to sign with something.
    const credentials = secret === undefined ? { id: 'open', key: 'open' } : { id: this.#accessKeyId(secret), key: secretAccessKey(await digestOf(secret)) };
    return { ...this.location(request), 's3.access-key-id': credentials.id, 's3.secret-access-key': credentials.key };
  }

  #accessKeyId(secret: string): string {
    if (secret === this.#access.adminKey?.reveal()) return ADMIN_ACCESS_KEY_ID;
    return keyId(secret) ?? LOCAL_ACCESS_KEY_ID;
  }
}

/** In an open server anything may stand there. */
function credentialsOrNone(headers: Headers): string | undefined {
  try {
    return readCredentials(headers)?.secret;
  } catch {
    return undefined;
  }
}
