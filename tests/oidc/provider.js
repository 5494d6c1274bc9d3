// A real OpenID Provider for the window's tests: `node provider.js '{"port": …, "clients": […], "accounts": […]}'`.
//
// Whoever the request's login_hint names is logged in without a form; a hint that names nobody is somebody who cancels.
// Its signing key is new at each start, so that a second start on the same port is a rotation of keys.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

// installed beside the other services and not in the repository
const installed = createRequire(path.join(process.env.OIDC_INSTALLED, 'package.json'));
const { Provider } = await import(pathToFileURL(installed.resolve('oidc-provider')));

const { port, clients, accounts } = JSON.parse(process.argv[2]);
const claimsOf = new Map(accounts.map((account) => [account.sub, account]));
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  cookies: { keys: ['only for tests'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_context, sub) => claimsOf.has(sub) && { accountId: sub, claims: () => claimsOf.get(sub) },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  pkce: { required: () => true },
});

async function answerOf(prompt, params, session) {
  if (!claimsOf.has(params.login_hint)) return { error: 'access_denied', error_description: 'cancelled' };
  if (prompt.name === 'login') return { login: { accountId: params.login_hint } };
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return { consent: { grantId: await grant.save() } };
}

provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  const answer = await answerOf(prompt, params, session);
  await provider.interactionFinished(context.req, context.res, answer, { mergeWithLastSubmission: true });
  context.respond = false;
});

provider.listen(port, '127.0.0.1', () => console.log('ready'));
