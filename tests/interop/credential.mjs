// Checking and presenting a credential with @sd-jwt/sd-jwt-vc.
import { randomBytes } from 'node:crypto'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import * as jose from 'jose'
import { chainKey, digest } from './callbacks.mjs'

/** The verifier callback of the library: the issuer's key comes from `x5c`, or from its jwt-vc-issuer metadata by `kid`. */
function issuerVerifier({ caFile, issuer, method }) {
  return async (data, signature) => {
    const header = jose.decodeProtectedHeader(`${data}.`)
    const key = method === 'x5c' ? x5cKey(header, caFile, issuer) : await metadataKey(header, issuer)
    try {
      await jose.compactVerify(`${data}.${signature}`, key, { algorithms: ['ES256', 'EdDSA'] })
      return true
    } catch {
      return false
    }
  }
}

function x5cKey(header, caFile, issuer) {
  const { key, names } = chainKey(header.x5c, caFile)
  if (!names.split(', ').includes(`URI:${issuer}`)) throw new Error('the certificate does not name the issuer')
  return key
}

async function metadataKey(header, issuer) {
  const at = new URL(issuer)
  const path = at.pathname === '/' ? '' : at.pathname
  const metadata = await (await fetch(`${at.origin}/.well-known/jwt-vc-issuer${path}`)).json()
  if (metadata.issuer !== issuer) throw new Error('the metadata is of another issuer')
  const jwk = metadata.jwks.keys.find((key) => key.kid === header.kid)
  return jose.importJWK(jwk, header.alg)
}

const instance = (options) => new SDJwtVcInstance({ hasher: digest, hashAlg: 'sha-256', saltGenerator: () => randomBytes(16).toString('base64url'), ...options })

/** Signature, validity and live status; returns the payload with every disclosure applied. */
export async function verifyCredential(compact, trust) {
  const { payload, header } = await instance({ verifier: issuerVerifier(trust) }).verify(compact)
  if (header.typ !== 'dc+sd-jwt') throw new Error(`typ is ${header.typ}`)
  return payload
}

/** All claims of a credential of one's own. */
export const claimsOf = (compact) => instance({}).getClaims(compact)

/** A presentation of the disclosures of `frame`, bound to `audience` and `nonce`. */
export async function presentCredential({ compact, key, frame, audience, nonce }) {
  const kbSigner = async (data) => {
    const signing = await jose.importJWK(key.privateJwk, key.alg)
    const [header, payload] = data.split('.').map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
    const jws = await new jose.SignJWT(payload).setProtectedHeader(header).sign(signing)
    if (!jws.startsWith(`${data}.`)) throw new Error('the key-binding JWT was written anew')
    return jws.split('.')[2]
  }
  return instance({ kbSigner, kbSignAlg: key.alg }).present(compact, frame, {
    kb: { payload: { aud: audience, nonce, iat: Math.floor(Date.now() / 1000) } },
  })
}
