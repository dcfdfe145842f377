//! Microsoft's clouds, which share nothing but their software.

/// A cloud: where its services are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AzureCloud {
    /// Azure operated by 21Vianet.
    China,
    /// The one for everybody.
    #[default]
    Public,
    /// Azure Government.
    UsGov,
    /// The same, with the Graph of the Department of Defense.
    UsGovDod,
}

impl AzureCloud {
    /// Its sign-in service.
    #[must_use]
    pub const fn authority(self) -> &'static str {
        match self {
            Self::China => "https://login.partner.microsoftonline.cn",
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
        }
    }

    /// The cloud of that sign-in service.
    #[must_use]
    pub fn of_authority(authority: &str) -> Option<Self> {
        let authority = authority.trim_end_matches('/');
        let mut all = [Self::Public, Self::UsGov, Self::China].into_iter();
        all.find(|cloud| cloud.authority() == authority)
    }

    /// Its Microsoft Graph.
    #[must_use]
    pub const fn graph(self) -> &'static str {
        match self {
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
            Self::Public => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
        }
    }

    /// Its Resource Manager.
    #[must_use]
    pub const fn arm(self) -> &'static str {
        match self {
            Self::China => "https://management.chinacloudapi.cn",
            Self::Public => "https://management.azure.com",
            Self::UsGov | Self::UsGovDod => "https://management.usgovcloudapi.net",
        }
    }

    /// What a vault's host ends with; behind the dot, also the name that its tokens are for.
    #[must_use]
    pub const fn vaults(self) -> &'static str {
        match self {
            Self::China => ".vault.azure.cn",
            Self::Public => ".vault.azure.net",
            Self::UsGov | Self::UsGovDod => ".vault.usgovcloudapi.net",
        }
    }

    /// What a token for its vaults is asked for with, followed by a permission.
    #[must_use]
    pub fn vault_audience(self) -> String {
        format!("https://{}/", self.vaults().trim_start_matches('.'))
    }

    /// How the configuration writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::China => "china",
            Self::Public => "public",
            Self::UsGov => "us-gov",
            Self::UsGovDod => "us-gov-dod",
        }
    }
}
