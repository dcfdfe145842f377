//! pimento puts just-in-time access in front of the credentials that single sign-on cannot reach.
//!
//! A request for a private key or a root password comes in at one of two doors, the SSH agent
//! socket ([`agent`]) or the control API ([`control`]); services of systemd have one of their own
//! ([`credentials`]). All hand an ask to [`pipeline`], which
//! judges it ([`policy`]), opens the window it needs ([`broker`], through Entra PIM and Key Vault
//! in [`cloud`]), records it ([`audit`]) and only then lets the material be used, inside
//! [`window`], for as long as the window lasts.

pub mod listen;
pub mod requester;

pub mod agent;
pub mod control;

pub mod credentials;
pub mod house;
pub mod pipeline;

pub mod aftermath;
pub mod ages;
pub mod audit;
pub mod broker;
pub mod catalog;
pub mod certify;
pub mod doctor;
pub mod known_hosts;
pub mod policy;
pub mod prompt;
pub mod window;

pub mod clock;
pub mod cores;
pub mod file;
pub mod harden;
pub mod inert;
pub mod markup;
pub mod outside;
pub mod pattern;
pub mod refusal;
pub mod secret;
pub mod signature;
pub mod supervisor;
pub mod wire;

pub mod cloud;

pub mod cli;
pub mod config;
pub mod run;
pub mod setup;

#[cfg(feature = "emulator")]
pub mod demo;
#[cfg(feature = "emulator")]
pub mod emulator;
