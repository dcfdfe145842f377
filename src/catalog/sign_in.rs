//! The ways to sign in, and what each can do.

/// How the user signs in to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInMethod {
    /// With the Azure CLI's sign-in.
    AzureCli,
    /// In the browser: authorization code with PKCE on a loopback address.
    Browser,
    /// As an application, by a certificate.
    ClientCertificate,
    /// With a code typed on another device.
    DeviceCode,
    /// As the machine's managed identity.
    ManagedIdentity,
    /// As an application, by a token that somebody else issued, such as a cluster.
    WorkloadIdentity,
}

impl SignInMethod {
    /// Whether it is a person who is signed in: PIM lets nobody else activate.
    #[must_use]
    pub const fn is_person(self) -> bool {
        matches!(self, Self::AzureCli | Self::Browser | Self::DeviceCode)
    }

    /// Whether somebody has to do something for it here.
    #[must_use]
    pub const fn is_interactive(self) -> bool {
        matches!(self, Self::Browser | Self::DeviceCode)
    }

    /// How the configuration writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AzureCli => "azure-cli",
            Self::Browser => "browser",
            Self::ClientCertificate => "client-certificate",
            Self::DeviceCode => "device-code",
            Self::ManagedIdentity => "managed-identity",
            Self::WorkloadIdentity => "workload-identity",
        }
    }
}
