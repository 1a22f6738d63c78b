"""The idea of every system as a grid of its parts and the lines between them, which tools/figures.py draws.

Losses are named as in the log, with their weights; the names of images and codes are those in toolbox/methods.
"""

from __future__ import annotations

FIGURES = {
    'gan': '''
GAN
(z) | [G] | fake
    |     |      | [D] | <D/real D/fake; G/adv>
    |     | img

z > G > fake > D
img > D
D > D/real D/fake
''',
    'cgan': '''
GAN
(z)     | [G] | fake
(label) |     |      | [D] | <D/real D/fake; G/adv>
        |     | img

z > G > fake > D
label > G
label > D
img > D
D > D/real D/fake
''',
    'wgan': '''
WGAN
(z) | [G] | fake
    |     |      | [D] | <D/real D/fake; G/adv>
    |     | img  |     | {D: -clip ≤ weight ≤ clip}

z > G > fake > D
img > D
D > D/real D/fake
''',
    'wgan_gp': '''
WGAN
(z) | [G] | fake
    |     | between | [D] | <D/real D/fake; D/penalty; G/adv>
    |     | img

z > G > fake > D
fake > between > D
img > between
img > D
D > D/real D/fake
''',
    'autoencoder': '''
Autoencoder
img | [E] | (z)      | [G] | rec
    |     | <EG/rec>

img > E > z > G > rec
img ^ EG/rec
rec ^ EG/rec
''',
    'vae': '''
VAE
    |     | <EG/kl; beta> | (noise)
img | [E] | (mu, log_var) | (z)      | [G] | rec
    |     |               | <EG/rec>

img > E > mu, log_var > z > G > rec
noise > z
mu, log_var > EG/kl
img ^ EG/rec
rec ^ EG/rec
''',
    'pix2pix': '''
Pix2Pix
A | [G] | fake_B         | A, fake_B
  |     | <G/rec; w_rec> |           | [D] | <D/real D/fake; G/adv>
  |     | B              | A, B

A > G > fake_B > A, fake_B > D
B > A, B > D
fake_B > G/rec > B
D > D/real D/fake
''',
    'colorization': '''
Colorization
    |       |     | {A + fake_B}   | fake
    | A: L* | [G] | fake_B: a*, b* | A, fake_B
img |       |     | <G/rec; w_rec> |           | [D] | <D/real D/fake; G/adv>
    |       |     | B: a*, b*      | A, B

img > A: L* > G > fake_B: a*, b* > A, fake_B > D
img ^ B: a*, b* > A, B > D
fake_B: a*, b* > G/rec > B: a*, b*
A: L* ^ A + fake_B > fake
fake_B: a*, b* > A + fake_B
D > D/real D/fake
''',
    'cyclegan': '''
CycleGAN
       |                              | <G/cycle_A; w_cycle_A>
A      | [G_AB]                       | fake_B                 | [G_BA] | rec_A
       |                              |                        | [D_B]  | <D/B; G/adv_B>
same_B | [G_AB']                      | B
       | <G/identity_B; w_identity_B> |                        |        | {A ⇄ B}

A > G_AB > fake_B > G_BA > rec_A
A ^ G/cycle_A
rec_A ^ G/cycle_A
fake_B ^ D_B > D/B
B ^ D_B
B > G_AB' > same_B
same_B ^ G/identity_B
B ^ G/identity_B
''',
    'ugatit': '''
UGATIT
       |                            | <G/cycle_A; w_cycle>
A      | [G_AB]                     | fake_B               | [G_BA] | rec_A
       | (cam_fake_B)               |                      | [D_GB] | <D/GB D/cam_GB; G/adv_GB; G/adv_cam_GB; w_adv>
       | <G/cam_B; w_cam>
       | (cam_same_B)               |                      | [D_LB] | <D/LB D/cam_LB; G/adv_LB; G/adv_cam_LB; w_adv>
same_B | [G_AB']                    | B
       | <G/identity_B; w_identity> |                      |        | {A ⇄ B}

A > G_AB > fake_B > G_BA > rec_A
G_AB > cam_fake_B > G/cam_B > cam_same_B
G_AB' > cam_same_B
A ^ G/cycle_A
rec_A ^ G/cycle_A
fake_B ^ D_GB > D/GB D/cam_GB
fake_B ^ D_LB > D/LB D/cam_LB
B ^ D_GB
B ^ D_LB
B > G_AB' > same_B
same_B ^ G/identity_B
B ^ G/identity_B
''',
    'aggan': '''
AGGAN
  |        |                          | <G_AB/cycle_A; w_cycle>
  | [A_A]  | m = mask_A
A |        | {m G_AB(A); + (1 - m) A} | fake_B                  | [A_B, G_BA] | rec_A
  | [G_AB] |                          |                         | [D_B]       | <D_B/real D_B/fake; G_AB/adv>
  |        |                          | B                       |             | {A ⇄ B}

A > A_A > m = mask_A > m G_AB(A) > fake_B > A_B, G_BA > rec_A
A > G_AB > m G_AB(A)
A > m G_AB(A)
A ^ G_AB/cycle_A
rec_A ^ G_AB/cycle_A
fake_B ^ D_B > D_B/real D_B/fake
B ^ D_B
''',
    'stargan': '''
StarGAN
    |          | <G/rec; w_rec>
img | [G]      | fake           | [G']    | rec
    | (target) |                | (label) | <D/real D/fake; D/penalty; G/adv>
    |          | [D]
    |          |                |         | <D/cls: label; G/cls: target; w_cls>

img > G > fake > G' > rec
target > G
label > G'
img ^ G/rec
rec ^ G/rec
fake > D
img ^ D
D > D/real D/fake
D > D/cls: label
''',
    'starganv2': '''
StarGANv2
            |      |     | <G_*/cycle; w_cycle>
            |      |     |              | G(img, s2)
            |      |     |              | <G_*/diversity; -w_diversity>
img         |      |     | [G]          | fake         | [G']         | rec
(z, target) | [F]  | (s) | <G_*/style; w_style> | [E]          | (E(img, label))
ref, target | [E'] |     |              | img / fake   | [D]          | <D_*/real; D_*/fake; D_*/r1 w_r1; G_*/adv>

img > G > fake > G' > rec
z, target > F > s
ref, target > E' > s
s ^ G
s > G_*/style > E
fake > E
fake > G_*/diversity > G(img, s2)
img ^ G_*/cycle
rec ^ G_*/cycle
E(img, label) > G'
img / fake > D > D_*/real
''',
    'pix2pixhd': '''
Pix2PixHD
label_map | [G]        | fake           | map, fake | [D]              | <D/fake; G/adv>
          |            | [[VGG]]
          | (features) | <G/vgg; w_vgg> |           | <G/feat; w_feat>
          |            | [[VGG']]
          | [E]        | img            | map, img  | [D']             | <D/real>

label_map > G > fake > map, fake > D > D/fake
img > E > features > G
img > map, img > D' > D/real
fake > VGG > G/vgg > VGG'
img > VGG'
D > G/feat > D'
''',
    'spade': '''
GauGAN
label_map | {γ, β}       | [G]          | fake           | map, fake | [D]              | <D/fake; G/adv>
          | (noise)      | (z)          | [[VGG]]
          | <G/kl; w_kl> | (mu, logvar) | <G/vgg; w_vgg> |           | <G/feat; w_feat>
          |              |              | [[VGG']]
          |              | [E]          | img            | map, img  | [D']             | <D/real>

label_map > γ, β > G > fake > map, fake > D > D/fake
img > E > mu, logvar > z > G
noise > z
mu, logvar > G/kl
img > map, img > D' > D/real
fake > VGG > G/vgg > VGG'
img > VGG'
D > G/feat > D'
''',
    'pix2pixhdpp': '''
GauGAN
label_map | [G] | fake           | map, fake | [D]              | <D/fake; G/adv>
          |     | [[VGG]]
          |     | <G/vgg; w_vgg> |           | <G/feat; w_feat>
          |     | [[VGG']]
          |     | img            | map, img  | [D']             | <D/real>

label_map > G > fake > map, fake > D > D/fake
img > map, img > D' > D/real
fake > VGG > G/vgg > VGG'
img > VGG'
D > G/feat > D'
''',
    'srgan': '''
SRGAN
LR | [G] | fake                           | [[VGG]]
   |     | <G/rec; w_rec; pretrain_iters> | <G/content; w_content>
   |     | HR                             | [[VGG']]
   |     |                                | HR / fake              | [D] | <D/real D/fake; G/adv w_adv>

LR > G > fake > G/rec > HR
fake > VGG > G/content > VGG'
HR > VGG'
HR / fake > D > D/real D/fake
''',
    'inpainting': '''
Inpainting
mask
img  | masked | [G]            | made | fake | [D] | <D/real D/fake; G/global w_global; G/patch w_patch>
     |        | <G/rec; w_rec> |      | img'

img > masked > G > made > fake > D > D/real D/fake
mask > masked
mask > G
mask > fake
img ^ G/rec
made ^ G/rec
img' > fake
img' > D
''',
    'unit': '''
UNIT
             |              | <G/rec_A; w_rec>
             |              |              | [G_A]        | rec_A  | B
A            | [E_A]        | (mean_A + noise) | [G_B]        | fake_B | [D_B] | <D/B; G/adv_B; w_adv>
<G/cycle_A; w_cycle> | <G/kl_A; w_kl>
cyc_A        | [G_A']       | (again_A + noise) | [E_B]
             |              |              | <G/kl_cycle_A; w_kl_cycle> |        |       | {A ⇄ B}

A > E_A > mean_A + noise > G_B > fake_B > D_B > D/B
mean_A + noise ^ G_A > rec_A
A ^ G/rec_A
rec_A ^ G/rec_A
B > D_B
fake_B ^ E_B > again_A + noise > G_A' > cyc_A
A > G/cycle_A > cyc_A
E_A > G/kl_A
E_B > G/kl_cycle_A
''',
    'munit': '''
MUNIT
  |             | <G/rec_A; w_rec>
  | [style_A]   | (own_A)
A |             |                  | [G_A]                    | rec_A
  | [content_A] | (c_A)            | <G/content_A; w_content> | [content_B] | B
  |             |                  | [G_B]                    | fake_B      | [D_B] | <D/B; G/adv_B; w_adv>
  |             | (s_B)            | <G/style_B; w_style>     | [style_B]   |       | {A ⇄ B}

A > style_A > own_A
A > content_A > c_A
own_A ^ G_A > rec_A
c_A ^ G_A
c_A ^ G_B > fake_B > D_B > D/B
s_B ^ G_B
A ^ G/rec_A
rec_A ^ G/rec_A
fake_B > content_B > G/content_A > c_A
fake_B > style_B > G/style_B > s_B
B > D_B
''',
    'drit': '''
DRIT
  |        | <G/cycle_A; w_cycle>
A | [content; attribute] | (s_A)       | [G] |       | fake_A
  |        | (c_A)
  | <D_content/*; G/content_*; w_content> | [D_content] |     |       |          | [content''; attribute; G] | cyc_A
  |        | (c_B)       |     |       |          | B'
B | [content'; attribute] | (s_B)       |     | [G']  | fake_B   | [D_B] | <D/B; G/adv_B; w_adv>
  |        | (c_A')      |     | [G''] | random_B | [[attribute]] | (again_B)
  |        | (z)         |     |       | <G_*/ms_B; w_ms>
  | {A ⇄ B} |             |     |       | <G_*/latent_B; w_latent>

A > content > s_A > G > fake_A ^ content'' > cyc_A
B > content' > s_B > G' > fake_B ^ content''
content ^ c_A > G'
content' ^ c_B > G
c_A > D_content > D_content/*
c_B > D_content
A ^ G/cycle_A
cyc_A ^ G/cycle_A
fake_B > D_B > D/B
B' > D_B
c_A' > G'' > random_B > attribute > again_B
z > G''
random_B > G_*/ms_B
z ^ G_*/latent_B
again_B ^ G_*/latent_B
''',
    'singan': '''
SinGAN
(z_0 ... z_n-1)    |        |       | (amplitude_n z_n)
[[G_0 ... G_n-1]]  | x_n-1  | {up}  | [G_n]             | x_n            | [D_n] | <D/real D/fake; D/penalty; G/adv>
                   |        |       |                   | real_n
(z*, 0 ... 0)      |        |       |                   | <G/rec; w_rec>
[[G_0 ... G_n-1']] | x*_n-1 | {up'} | [G_n']            | x*_n

z_0 ... z_n-1 > G_0 ... G_n-1 > x_n-1 > up > G_n > x_n > D_n > D/real D/fake
amplitude_n z_n > G_n
real_n > D_n
z*, 0 ... 0 > G_0 ... G_n-1' > x*_n-1 > up' > G_n' > x*_n > G/rec > real_n
''',
}
